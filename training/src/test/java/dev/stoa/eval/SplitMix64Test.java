// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SplitMix64Test {
    @Test
    void pathsAndSeedsGiveTheirOwnStreams() {
        assertThat(SplitMix64.of(1, "a").nextLong()).isEqualTo(SplitMix64.of(1, "a").nextLong());
        Set<Long> first = new HashSet<>();
        for (int i = 0; i < 1_000; i++) {
            first.add(SplitMix64.of(7, "item/" + i).nextLong());
            first.add(SplitMix64.of(i + 100, "item").nextLong());
        }
        assertThat(first).hasSize(2_000);
    }

    @Test
    void drawsAreUniform() {
        SplitMix64 random = SplitMix64.of(3, "uniform");
        int[] counts = new int[7];
        for (int i = 0; i < 70_000; i++) counts[random.below(7)]++;
        for (int count : counts) assertThat(count).isBetween(9_700, 10_300);
        int[] weighted = new int[3];
        for (int i = 0; i < 60_000; i++) weighted[random.weighted(1, 0, 2)]++;
        assertThat(weighted[1]).isZero();
        assertThat(weighted[2] / 60_000.0).isCloseTo(2 / 3.0, within(.01));
        double mean = 0;
        for (int i = 0; i < 50_000; i++) mean += random.uniform() / 50_000;
        assertThat(mean).isCloseTo(.5, within(.005));
    }

    @Test
    void shufflesKeepEverything() {
        List<Integer> all = List.of(1, 2, 3, 4, 5, 6);
        int[] firsts = new int[7];
        for (int i = 0; i < 6_000; i++) {
            List<Integer> shuffled = SplitMix64.of(i, "shuffle").shuffled(all);
            assertThat(shuffled).containsExactlyInAnyOrderElementsOf(all);
            firsts[shuffled.getFirst()]++;
        }
        for (int i = 1; i <= 6; i++) assertThat(firsts[i]).isBetween(880, 1_120);
    }

    @Test
    void anEmptyRangeIsABug() {
        assertThatThrownBy(() -> SplitMix64.of(0, "x").below(0)).isInstanceOf(IllegalArgumentException.class);
    }
}
