// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.data.Example;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ReplicasTest {
    @Test
    void partsHoldEverySampleOnceAndDifferByLessThanTheLongestOne() {
        SplittableRandom random = new SplittableRandom(1);
        for (int round = 0; round < 200; round++) {
            List<Example> samples = new ArrayList<>();
            int count = 1 + random.nextInt(40), longest = 0;
            for (int i = 0; i < count; i++) {
                int length = 2 + random.nextInt(60);
                longest = Math.max(longest, length);
                samples.add(Example.of(new int[length - 1], new int[] {i}, 0));
            }
            int parts = 1 + random.nextInt(5);
            List<List<Example>> split = Replicas.split(samples, parts);
            assertThat(split).hasSize(parts);
            Set<Example> seen = new HashSet<>();
            long least = Long.MAX_VALUE, most = 0;
            for (List<Example> part : split) {
                seen.addAll(part);
                long tokens = part.stream().mapToLong(Example::length).sum();
                least = Math.min(least, tokens);
                most = Math.max(most, tokens);
            }
            assertThat(split.stream().mapToInt(List::size).sum()).isEqualTo(count);
            assertThat(seen).hasSize(count);
            assertThat(most - least).isLessThanOrEqualTo(longest);
        }
    }
}
