// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.generate.Compose;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class CompositionAlgebraTest {
    private static final int VOCAB = 5;
    private static final int LENGTH = 3;

    /// One random item: probabilities (positions, vocab) of the base and of each expert, near each other so that
    /// every outcome occurs.
    private static double[][][] probabilities(SplittableRandom random, int experts) {
        double[][][] p = new double[1 + experts][LENGTH][VOCAB];
        for (int row = 0; row <= experts; row++) {
            for (int t = 0; t < LENGTH; t++) {
                double sum = 0;
                for (int v = 0; v < VOCAB; v++) {
                    double mix = row == 0 ? 0 : random.nextInt(3) == 0 ? 1 : .01;
                    p[row][t][v] = Math.exp(random.nextDouble(-2, 2) * (row == 0 ? 1 : mix)) * (row == 0 ? 1
                            : p[0][t][v]);
                    sum += p[row][t][v];
                }
                for (int v = 0; v < VOCAB; v++) p[row][t][v] /= sum;
            }
        }
        return p;
    }

    private static float[] logs(double[][] p) {
        float[] table = new float[LENGTH * VOCAB];
        for (int i = 0; i < table.length; i++) table[i] = (float) Math.log(p[i / VOCAB][i % VOCAB]);
        return table;
    }

    /// By definition, on probabilities: the product p0 * prod (pi / p0)^w, or the member farthest from the base.
    private static int bruteForce(Compose mode, double weight, double[][][] p, int t, int[] set) {
        double[] score = p[0][t].clone();
        if (mode == Compose.LOGITS) {
            for (int v = 0; v < VOCAB; v++) {
                for (int e : set) score[v] *= Math.pow(p[e + 1][t][v] / p[0][t][v], weight);
            }
        } else {
            double farthest = .01;
            for (int e : set) {
                double kl = 0;
                for (int v = 0; v < VOCAB; v++) kl += p[e + 1][t][v] * Math.log(p[e + 1][t][v] / p[0][t][v]);
                if (kl > farthest) {
                    farthest = kl;
                    score = p[e + 1][t];
                }
            }
        }
        int best = 0;
        for (int v = 1; v < VOCAB; v++) if (score[v] > score[best]) best = v;
        return best;
    }

    @Test
    void everySetOfUpToFourExpertsAgreesWithTheDefinition() {
        SplittableRandom random = new SplittableRandom(1);
        int correct = 0;
        int checked = 0;
        for (int item = 0; item < 400; item++) {
            double[][][] p = probabilities(random, 5);
            List<float[]> experts = new ArrayList<>();
            for (int e = 1; e <= 5; e++) experts.add(logs(p[e]));
            // Gold answers that the product of the first two experts gives, so that both verdicts are frequent.
            int[] gold = new int[LENGTH];
            for (int t = 0; t < LENGTH; t++) gold[t] = bruteForce(item % 2 == 0 ? Compose.LOGITS : Compose.SELECT, 1,
                    p, t, new int[] {0, 1});
            CompositionAlgebra algebra = new CompositionAlgebra(VOCAB, gold, logs(p[0]), experts);
            for (int size = 0; size <= 4; size++) {
                for (int[] set : CompositionAlgebra.sets(5, size)) {
                    for (Compose mode : List.of(Compose.LOGITS, Compose.SELECT)) {
                        double weight = size % 2 == 0 ? 1 : .7;
                        boolean expected = true;
                        for (int t = 0; t < LENGTH; t++) expected &= bruteForce(mode, weight, p, t, set) == gold[t];
                        assertThat(algebra.correct(mode, weight, set))
                                .as("%s of %s", mode, Arrays.toString(set)).isEqualTo(expected);
                        checked++;
                        if (expected) correct++;
                    }
                }
            }
            assertThat(algebra.baseCorrect()).isEqualTo(algebra.correct(Compose.LOGITS, 1));
        }
        assertThat((double) correct / checked).isBetween(.1, .9); // both verdicts were tested
    }

    /// What the formula is for: two experts, each sure of its own half, answer both halves together, and neither alone.
    @Test
    void twoExpertsAnswerWhatNeitherAnswersAlone() {
        float[] base = {-.1f, -3, -3, -.1f, -3, -3};
        float[] first = {-3, -.1f, -3, -.1f, -3, -3}; // changes the first token only
        float[] second = {-.1f, -3, -3, -3, -3, -.1f}; // changes the second token only
        CompositionAlgebra item = new CompositionAlgebra(3, new int[] {1, 2}, base, List.of(first, second));
        for (Compose mode : List.of(Compose.LOGITS, Compose.SELECT)) {
            assertThat(item.correct(mode, 1, 0)).isFalse();
            assertThat(item.correct(mode, 1, 1)).isFalse();
            assertThat(item.correct(mode, 1, 0, 1)).isTrue();
            assertThat(item.correct(mode, 1, 1, 0)).isTrue();
        }
        assertThat(item.baseCorrect()).isFalse();
    }

    @Test
    void anExpertThatSaysNearlyWhatTheBaseSaysDoesNotDecideInSelect() {
        float[] base = {(float) Math.log(.5), (float) Math.log(.5)};
        float[] hardly = {(float) Math.log(.49), (float) Math.log(.51)}; // KL = 0.0002
        float[] clearly = {(float) Math.log(.4), (float) Math.log(.6)}; // KL = 0.02
        CompositionAlgebra item = new CompositionAlgebra(2, new int[] {1}, base, List.of(hardly, clearly));
        assertThat(item.correct(Compose.SELECT, 1, 0)).isFalse();
        assertThat(item.correct(Compose.SELECT, 1, 0, 1)).isTrue();
        assertThat(item.correct(Compose.LOGITS, 1, 0)).isTrue();
    }

    @Test
    void setsAreAllCombinationsAndTablesMustFit() {
        assertThat(CompositionAlgebra.sets(4, 2)).containsExactly(new int[] {0, 1}, new int[] {0, 2}, new int[] {0, 3},
                new int[] {1, 2}, new int[] {1, 3}, new int[] {2, 3});
        assertThat(CompositionAlgebra.sets(12, 4)).hasSize(495);
        assertThat(CompositionAlgebra.sets(3, 0)).containsExactly(new int[0]);
        assertThat(CompositionAlgebra.sets(2, 3)).isEmpty();
        assertThatThrownBy(() -> new CompositionAlgebra(3, new int[] {1}, new float[2], List.of()))
                .isInstanceOf(IllegalArgumentException.class);
        CompositionAlgebra item = new CompositionAlgebra(2, new int[] {1}, new float[2], List.of(new float[2]));
        assertThatThrownBy(() -> item.correct(Compose.SUM, 1, 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
