// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The sampler chain against closed forms and a sorted reference written without a heap.
class SamplerTest {
    private static final int DRAWS = 100_000;

    private static GenerateConfig config(double temperature, int topK, double topP, double minP) {
        return new GenerateConfig(1, temperature, topK, topP, minP, 1L, List.of(), false, -1);
    }

    /// Probabilities after the chain, by sorting: the definition.
    private static double[] reference(double[] z, GenerateConfig config) {
        Integer[] order = new Integer[z.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> z[a] != z[b] ? Double.compare(z[b], z[a]) : a - b);
        double[] p = new double[z.length];
        for (int i = 0; i < z.length; i++) p[i] = Math.exp((z[i] - z[order[0]]) / config.temperature());
        int kept = config.topK() == 0 ? z.length : Math.min(config.topK(), z.length);
        double total = 0;
        for (int i = 0; i < kept; i++) total += p[order[i]];
        int nucleus = 0;
        for (double sum = 0; nucleus < kept && (nucleus == 0 || sum < config.topP() * total); nucleus++) sum += p[order[nucleus]];
        double[] out = new double[z.length];
        double mass = 0;
        for (int i = 0; i < nucleus; i++) {
            if (p[order[i]] < config.minP() * p[order[0]]) continue;
            out[order[i]] = p[order[i]];
            mass += p[order[i]];
        }
        for (int i = 0; i < z.length; i++) out[i] /= mass;
        return out;
    }

    @ParameterizedTest
    @CsvSource({"1, 0, 1, 0", "0.5, 0, 1, 0", "2, 5, 1, 0", "1, 0, 0.7, 0", "1.3, 6, 0.8, 0", "1, 0, 1, 0.2", "0.9, 7, 0.95, 0.1"})
    void drawsFollowTheChain(double temperature, int topK, double topP, double minP) {
        double[] z = {1.5, -0.5, 2, 2, 0.3, -4, 1.1, 0.9, -1, 1.5};
        GenerateConfig config = config(temperature, topK, topP, minP);
        double[] expected = reference(z, config);
        Sampler sampler = new Sampler();
        int[] counts = new int[z.length];
        for (int i = 0; i < DRAWS; i++) counts[sampler.sample(z, config, 99, i)]++;
        double chiSquare = 0;
        for (int i = 0; i < z.length; i++) {
            if (expected[i] == 0) assertThat(counts[i]).as("id %d", i).isZero();
            else chiSquare += Math.pow(counts[i] - DRAWS * expected[i], 2) / (DRAWS * expected[i]);
        }
        assertThat(chiSquare).as("chi-square, at most 9 degrees of freedom, p = .001").isLessThan(27.9);
        // The same draws do not fit a chain with another temperature.
        double[] wrong = reference(z, config(temperature * 0.7, topK, topP, minP));
        double misfit = 0;
        for (int i = 0; i < z.length; i++) if (wrong[i] > 0) misfit += Math.pow(counts[i] - DRAWS * wrong[i], 2) / (DRAWS * wrong[i]);
        assertThat(misfit).isGreaterThan(27.9);
    }

    @Test
    void equalsTheSortedDefinitionOnRandomInputs() {
        SplittableRandom random = new SplittableRandom(5);
        Sampler sampler = new Sampler();
        for (int trial = 0; trial < 300; trial++) {
            double[] z = new double[1 + random.nextInt(70)];
            for (int i = 0; i < z.length; i++) z[i] = random.nextInt(12) / 2.0;
            GenerateConfig config = config(0.3 + random.nextDouble(), random.nextInt(8), 0.05 + random.nextDouble() * 0.95, random.nextDouble() / 2);
            double[] p = reference(z, config);
            double u = Sampler.uniform(trial, 3, 0);
            int expected = -1;
            double sum = 0;
            for (int i = 0; i < z.length && (expected < 0 || sum <= u); i++) {
                if (p[i] > 0) expected = i;
                sum += p[i];
            }
            assertThat(sampler.sample(z, config, trial, 3)).as("trial %d", trial).isEqualTo(expected);
        }
    }

    @Test
    void oneTokenAlwaysSurvives() {
        double[] z = {0, 5, 5, 1};
        Sampler sampler = new Sampler();
        for (int i = 0; i < 50; i++) {
            assertThat(sampler.sample(z, config(1, 1, 1, 0), 3, i)).isEqualTo(1);
            assertThat(sampler.sample(z, config(1, 0, 1e-9, 0), 3, i)).isEqualTo(1);
            assertThat(sampler.sample(z, config(0, 3, 0.1, 0.9), 3, i)).isEqualTo(1);
            assertThat(sampler.sample(z, config(1, 0, 1, 1), 3, i)).isIn(1, 2);
        }
        assertThat(sampler.sample(new double[] {-7}, config(1, 0, 1, 0), 3, 0)).isZero();
    }

    @Test
    void randomNumbersAreCountedNotKept() {
        assertThat(Sampler.mix(0)).isZero();
        assertThat(Sampler.mix(0x9E3779B97F4A7C15L)).as("first output of SplitMix64 with seed 0").isEqualTo(0xE220A8397B1DCDAFL);
        TreeMap<Double, Integer> seen = new TreeMap<>();
        double sum = 0;
        for (int i = 0; i < 10_000; i++) {
            double u = Sampler.uniform(42, i, 0);
            assertThat(u).isBetween(0.0, 1.0).isNotEqualTo(Sampler.uniform(42, i, 1));
            seen.merge(u, 1, Integer::sum);
            sum += u;
        }
        assertThat(seen).hasSize(10_000);
        assertThat(sum / 10_000).isCloseTo(0.5, within(0.01));
    }

    @Test
    void logProbabilitiesSumToOneAndRankWithTiesById() {
        double[] z = {1, 3, 3, -2, 0};
        Event.TokenLogprob logprob = Distribution.logprob(z, 4, 3);
        assertThat(logprob.top()).extracting(Event.TokenLogprob.Alternative::id).containsExactly(1, 2, 0);
        double sum = 0;
        for (int i = 0; i < z.length; i++) sum += Math.exp(Distribution.logprob(z, i, 0).logprob());
        assertThat(sum).isCloseTo(1, within(1e-12));
        assertThat(Distribution.logprob(z, 0, 20).top()).hasSize(5);
    }
}
