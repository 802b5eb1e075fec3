// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/// Chunks against their recurrence token by token in float64, each token on its own: bounded states and decays from none to
/// almost everything, where a whole mixer over random weights would hide early tokens behind late ones.
class ChunkTest {
    private static final int KEYS = 5;
    private static final int VALUES = 3;
    private static final int SLOTS = 4;
    private static final double LIMIT = 1e-5;

    private static double[] random(Random random, double[] out, double size) {
        for (int i = 0; i < out.length; i++) out[i] = size * random.nextGaussian();
        return out;
    }

    private static double[] decays(Random random, double[] out) {
        for (int i = 0; i < out.length; i++) out[i] = i == 0 ? -60 : -Math.exp(3 * random.nextGaussian() - 2);
        return out;
    }

    /// The largest difference of one token's output over several chunks; `mutant` changes the recurrence chunks are held
    /// against.
    private static double lowRank(String mutant) {
        Random random = new Random(3);
        float[] state = new float[KEYS * VALUES];
        double[][] s = new double[KEYS][VALUES];
        double worst = 0;
        for (int count : new int[] {64, 1, 17, 16, 63}) {
            Chunk chunk = Chunk.ofLowRank(KEYS, VALUES);
            double[][] expected = new double[count][VALUES];
            for (int t = 0; t < count; t++) {
                double[] q = random(random, chunk.q[t], 1);
                double[] k = random(random, chunk.k[t], 1);
                double[] v = random(random, chunk.v[t], 1);
                double[] a = random(random, chunk.a[t], 0.3);
                double[] b = random(random, chunk.b[t], 0.3);
                double[] g = decays(random, chunk.decays[t]);
                if (mutant.equals("a and b swapped")) {
                    double[] other = a;
                    a = b;
                    b = other;
                }
                double[] found = read(a, s);
                if (mutant.equals("reads after the decay")) for (int c = 0; c < VALUES; c++) found[c] = read(a, decayed(s, g))[c];
                for (int r = 0; r < KEYS; r++) {
                    for (int c = 0; c < VALUES; c++) {
                        s[r][c] = Math.exp(g[r]) * s[r][c] + (mutant.equals("low rank dropped") ? 0 : b[r] * found[c]) + k[r] * v[c];
                    }
                }
                expected[t] = read(q, s);
            }
            chunk.lowRank(state, count);
            worst = Math.max(worst, difference(chunk.o, expected));
        }
        return worst;
    }

    private static double slots(String mutant) {
        Random random = new Random(4);
        float[] keyState = new float[SLOTS * KEYS];
        float[] valueState = new float[SLOTS * VALUES];
        double[][] keys = new double[SLOTS][KEYS];
        double[][] values = new double[SLOTS][VALUES];
        double worst = 0;
        for (int count : new int[] {64, 1, 17, 16, 63}) {
            Chunk chunk = Chunk.ofSlots(KEYS, VALUES, SLOTS);
            double[][] expected = new double[count][VALUES];
            for (int t = 0; t < count; t++) {
                double[] q = random(random, chunk.q[t], 1);
                double[] k = random(random, chunk.k[t], 1);
                double[] v = random(random, chunk.v[t], 1);
                double[] f = decays(random, chunk.slots.decays[t]);
                double[] scores = new double[SLOTS];
                double total = 0;
                for (int m = 0; m < SLOTS; m++) {
                    double take = chunk.slots.k[t][m] = -Math.expm1(f[m]);
                    if (mutant.equals("slots filled whole")) take = 1;
                    if (mutant.equals("scores before the write")) for (int i = 0; i < KEYS; i++) scores[m] += q[i] * keys[m][i];
                    for (int i = 0; i < KEYS; i++) keys[m][i] = Math.exp(f[m]) * keys[m][i] + take * k[i];
                    for (int c = 0; c < VALUES; c++) values[m][c] = Math.exp(f[m]) * values[m][c] + take * v[c];
                    if (!mutant.equals("scores before the write")) for (int i = 0; i < KEYS; i++) scores[m] += q[i] * keys[m][i];
                    total += scores[m] = mutant.equals("no softmax") ? scores[m] : Math.exp(scores[m]);
                }
                for (int m = 0; m < SLOTS; m++) scores[m] /= mutant.equals("no softmax") ? 1 : total;
                expected[t] = read(scores, values);
            }
            chunk.slots(keyState, valueState, count);
            worst = Math.max(worst, difference(chunk.o, expected));
        }
        return worst;
    }

    private static double[][] decayed(double[][] s, double[] g) {
        double[][] out = new double[s.length][VALUES];
        for (int r = 0; r < s.length; r++) for (int c = 0; c < VALUES; c++) out[r][c] = Math.exp(g[r]) * s[r][c];
        return out;
    }

    private static double[] read(double[] q, double[][] s) {
        double[] out = new double[VALUES];
        for (int r = 0; r < s.length; r++) for (int c = 0; c < VALUES; c++) out[c] += q[r] * s[r][c];
        return out;
    }

    private static double difference(double[][] ours, double[][] expected) {
        double worst = 0;
        for (int t = 0; t < expected.length; t++) {
            for (int c = 0; c < VALUES; c++) worst = Math.max(worst, Math.abs(ours[t][c] - expected[t][c]) / Math.max(1, Math.abs(expected[t][c])));
        }
        return worst;
    }

    @Test
    void aDecayPlusALowRankInChunksIsTheRecurrence() {
        assertThat(lowRank("")).isLessThan(LIMIT);
        for (String mutant : new String[] {"a and b swapped", "reads after the decay", "low rank dropped"}) {
            assertThat(lowRank(mutant)).as(mutant).isGreaterThan(1e-2);
        }
    }

    @Test
    void slotsInChunksAreTheRecurrence() {
        assertThat(slots("")).isLessThan(LIMIT);
        for (String mutant : new String[] {"slots filled whole", "scores before the write", "no softmax"}) {
            assertThat(slots(mutant)).as(mutant).isGreaterThan(1e-2);
        }
    }
}
