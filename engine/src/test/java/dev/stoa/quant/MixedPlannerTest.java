// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.format.QuantPlan;
import dev.stoa.quant.MixedPlanner.Candidate;
import dev.stoa.quant.MixedPlanner.Module;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MixedPlannerTest {
    private static Module module(String name, long values, double sensitivity) {
        List<Candidate> candidates = new ArrayList<>();
        for (int bits : new int[] {3, 4, 5, 6, 8}) {
            candidates.add(new Candidate(bits, new QuantSpec("affine", bits, 64), values * bits / 8, sensitivity * values * Math.pow(4, -bits)));
        }
        return new Module(name, candidates);
    }

    @Test
    void spendsTheBudgetWhereItHelpsMost() {
        Random random = new Random(3);
        List<Module> modules = new ArrayList<>();
        long values = 0;
        for (int i = 0; i < 40; i++) {
            long size = 1024L * (1 + random.nextInt(8));
            values += size;
            modules.add(module("m" + i, size, Math.exp(4 * random.nextGaussian())));
        }
        long budget = values * 4 / 8;
        MixedPlanner.Plan plan = MixedPlanner.plan(modules, budget);
        assertThat(plan.bytes()).isLessThanOrEqualTo(budget).isGreaterThan(budget * 97 / 100);
        double uniform = modules.stream().mapToDouble(module -> module.candidates().get(1).kl()).sum();
        assertThat(plan.predictedKl()).isLessThan(uniform / 4);
        // the mutant: the same bytes given away without looking at the gain
        double blind = 0;
        long left = budget;
        for (Module module : modules) left -= module.candidates().getFirst().bytes();
        for (Module module : modules) {
            int choice = 0;
            while (choice < 4 && module.candidates().get(choice + 1).bytes() - module.candidates().get(choice).bytes() <= left) {
                left -= module.candidates().get(choice + 1).bytes() - module.candidates().get(choice).bytes();
                choice++;
            }
            blind += module.candidates().get(choice).kl();
        }
        assertThat(plan.predictedKl()).isLessThan(blind / 4);
        assertThatThrownBy(() -> MixedPlanner.plan(modules, 100)).hasMessageContaining("smallest allowed plan");
    }

    @Test
    void floorsProtectWhatBreaksFirst() {
        assertThat(MixedPlanner.floor("model.embed_tokens", -1, 8)).isEqualTo(6);
        assertThat(MixedPlanner.floor("lm_head", -1, 8)).isEqualTo(6);
        assertThat(MixedPlanner.floor("model.layers.3.mlp.gate", 3, 8)).isEqualTo(8);
        assertThat(MixedPlanner.floor("model.layers.3.mlp.shared_expert_gate", 3, 8)).isEqualTo(8);
        assertThat(MixedPlanner.floor("model.layers.3.mlp.gate_proj", 3, 8)).isEqualTo(3);
        for (int layer = 0; layer < 8; layer++) {
            int expected = layer < 2 || layer > 5 ? 4 : 3;
            assertThat(MixedPlanner.floor("layers.x.mlp.switch_mlp.up_proj", layer, 8)).isEqualTo(expected);
        }
    }

    /// The expected squared error of the output over random inputs equals the diagonal form for uncorrelated columns.
    @Test
    void weightedErrorPredictsTheErrorOfTheOutput() {
        Random random = new Random(4);
        int n = 12;
        int k = 64;
        float[] w = new float[n * k];
        for (int i = 0; i < w.length; i++) w[i] = (float) random.nextGaussian();
        double[] h = new double[k];
        for (int c = 0; c < k; c++) h[c] = c % 7 == 0 ? 9 : 0.25;
        Tensor matrix = Tensor.of(w, n, k);
        MlxEncoder encoder = new MlxEncoder("affine", 3, 32, DType.F32);
        double predicted = MixedPlanner.weightedError(matrix, encoder, h);
        float[] decoded = new float[k];
        double measured = 0;
        int trials = 4000;
        double[][] differences = new double[n][k];
        for (int r = 0; r < n; r++) {
            encoder.roundTrip(Arrays.copyOfRange(w, r * k, (r + 1) * k), decoded, new byte[24], new byte[8], new byte[8]);
            for (int c = 0; c < k; c++) differences[r][c] = decoded[c] - w[r * k + c];
        }
        for (int t = 0; t < trials; t++) {
            double[] x = new double[k];
            for (int c = 0; c < k; c++) x[c] = Math.sqrt(h[c]) * random.nextGaussian();
            for (int r = 0; r < n; r++) {
                double y = 0;
                for (int c = 0; c < k; c++) y += differences[r][c] * x[c];
                measured += y * y / trials;
            }
        }
        assertThat(measured).isCloseTo(predicted, within(predicted * 0.05));
        assertThat(MixedPlanner.fit(List.of(new double[] {1, 2}, new double[] {2, 4}))).isCloseTo(2, within(1e-12));
    }

    @Test
    void plansAreKeptAsFiles(@TempDir Path dir) throws IOException {
        MixedPlanner.Plan plan = MixedPlanner.plan(List.of(module("a", 1024, 1), module("b", 1024, 900)), 1100);
        QuantPlan.write(dir.resolve("quant_plan.json"), plan, 4.5, 2048, Double.NaN, Double.NaN, "none");
        QuantPlan read = QuantPlan.read(dir.resolve("quant_plan.json"));
        plan.modules().forEach((name, candidate) -> assertThat(read.modules().get(name)).isEqualTo(candidate.spec()));
    }
}
