// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class WordHeadTest {
    /// With at most 12 labels every set of one to three is summed: the posterior is exact.
    @Test
    void equalsTheSumOverAllSets() {
        SplittableRandom random = new SplittableRandom(4);
        int labels = 6;
        List<String> vocabulary = List.of("", "a", "b", "c", "d");
        float[][] table = new float[5][labels + 1];
        for (float[] row : table) for (int c = 0; c <= labels; c++) row[c] = (float) (0.01 + random.nextDouble());
        double[] share = {0.3, 0.1, 0.2, 0.15, 0.15, 0.1};
        double[] sizes = {0.5, 0.3, 0.1};
        WordHead head = new WordHead(Phrases.NONE, vocabulary, table, share, sizes, 0.1);
        for (int round = 0; round < 50; round++) {
            List<String> words = new ArrayList<>();
            int n = 1 + random.nextInt(40);
            for (int w = 0; w < n; w++) words.add("abcde".substring(random.nextInt(5)).substring(0, 1));
            double[] expected = brute(vocabulary, table, share, sizes, 0.1, words);
            double[] odds = head.logOdds(new RouteInput(List.of(), words));
            for (int c = 0; c <= labels; c++) {
                assertThat(Logits.sigmoid(odds[c])).isCloseTo(Math.clamp(expected[c], 3e-7, 1 - 3e-7), within(1e-6));
            }
        }
    }

    private static double[] brute(
            List<String> vocabulary, float[][] table, double[] share, double[] sizes, double base, List<String> words) {
        int labels = share.length;
        double[] norm = new double[4];
        double[] mass = new double[labels + 1];
        double total = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int set = 1; set < 1 << labels; set++) {
                int size = Integer.bitCount(set);
                if (size > 3) continue;
                double prior = 1;
                for (int c = 0; c < labels; c++) if ((set >> c & 1) == 1) prior *= share[c];
                if (pass == 0) {
                    norm[size] += prior;
                    continue;
                }
                double p = prior / norm[size] * sizes[size - 1];
                for (String word : words) {
                    float[] row = table[Math.max(0, vocabulary.indexOf(word))];
                    double mean = 0;
                    for (int c = 0; c < labels; c++) if ((set >> c & 1) == 1) mean += row[c] / size;
                    p *= mean;
                }
                total += p;
                for (int c = 0; c < labels; c++) if ((set >> c & 1) == 1) mass[c] += p;
            }
        }
        double p = base;
        for (String word : words) p *= table[Math.max(0, vocabulary.indexOf(word))][labels];
        mass[labels] = p;
        total += p;
        for (int c = 0; c <= labels; c++) mass[c] /= total;
        return mass;
    }

    @Test
    void survivesThousandsOfWordsAndNone() {
        WordHead head = new WordHead(Phrases.NONE, List.of("", "a"), new float[][] {{1e-6f, 1e-6f, 1e-6f}, {1e-3f, 1e-5f, 1e-6f}},
                new double[] {0.5, 0.5}, new double[] {0.6, 0.2, 0}, 0.2);
        double[] many = head.logOdds(new RouteInput(List.of(), Collections.nCopies(100_000, "a")));
        assertThat(many[0]).isEqualTo(Logits.LIMIT);
        assertThat(many[1]).isEqualTo(-Logits.LIMIT);
        double[] none = head.logOdds(new RouteInput(List.of(), List.of()));
        assertThat(Logits.sigmoid(none[2])).isCloseTo(0.2, within(1e-9));
        assertThat(head.known(List.of("a", "zz"))).isEqualTo(0.5);
        assertThat(head.known(List.of())).isZero();
    }

    @Test
    void refusesTablesThatDoNotFit() {
        assertThatThrownBy(() -> new WordHead(Phrases.NONE, List.of(""), new float[2][2], new double[1], new double[3], 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new WordHead(Phrases.NONE, List.of(""), new float[1][3], new double[1], new double[3], 0))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
