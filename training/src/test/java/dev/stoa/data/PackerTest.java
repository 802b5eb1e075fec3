// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Packing keeps every sample whole and wastes little; batches restart positions; epochs visit everything once.
class PackerTest {
    private static Example example(int length, int first) {
        int[] ids = new int[length];
        float[] weights = new float[length];
        for (int i = 0; i < length; i++) {
            ids[i] = first + i;
            weights[i] = i;
        }
        return Example.hard(ids, weights);
    }

    @Test
    void everySampleLandsInExactlyOneBinThatHasRoom() {
        Random random = new Random(5);
        List<Example> samples = new ArrayList<>();
        int total = 0;
        for (int i = 0; i < 1000; i++) {
            samples.add(example(1 + random.nextInt(80), 0));
            total += samples.getLast().length();
        }
        List<List<Integer>> bins = Packer.bins(samples, 256);
        Set<Integer> seen = new HashSet<>();
        for (List<Integer> bin : bins) {
            assertThat(bin.stream().mapToInt(i -> samples.get(i).length()).sum()).isLessThanOrEqualTo(256);
            for (int index : bin) assertThat(seen.add(index)).isTrue();
        }
        assertThat(seen).hasSize(1000);
        assertThat(bins.size()).isLessThanOrEqualTo((int) Math.ceil(total / 256.0 * 1.01) + 1);
        assertThat(Packer.bins(samples, 256)).isEqualTo(bins);
    }

    @Test
    void aBatchRestartsPositionsAndShiftsWeightsToThePredictingRow() {
        Batch batch = Batch.of(List.of(example(3, 10), example(1, 50), example(2, 70)));
        assertThat(batch.ids()).containsExactly(10, 11, 12, 50, 70, 71);
        assertThat(batch.positions()).containsExactly(0, 1, 2, 0, 0, 1);
        assertThat(batch.starts()).containsExactly(0, 3, 4, 6);
        assertThat(batch.hard()).containsExactly(1, 2, 0, 0, 1, 0);
    }

    @Test
    void refusesASampleThatDoesNotFit() {
        assertThatThrownBy(() -> Packer.pack(List.of(example(9, 0)), 8)).hasMessageContaining("9 tokens, capacity 8");
    }

    @Test
    void epochsAreDifferentPermutationsOfTheSameSamples() {
        List<Example> samples = new ArrayList<>();
        for (int i = 0; i < 50; i++) samples.add(example(1, i));
        Epochs epochs = new Epochs(samples, "x", 3);
        List<Integer> first = new ArrayList<>(), second = new ArrayList<>(), again = new ArrayList<>();
        for (int i = 0; i < 50; i++) first.add(epochs.at(i).ids()[0]);
        for (int i = 50; i < 100; i++) second.add(epochs.at(i).ids()[0]);
        for (int i = 0; i < 50; i++) again.add(epochs.at(i).ids()[0]);
        assertThat(first).isNotEqualTo(second).containsExactlyInAnyOrderElementsOf(second).hasSize(50).doesNotHaveDuplicates();
        assertThat(again).isEqualTo(first);
    }

    @Test
    void anExampleRefusesWeightsThatCannotBe() {
        assertThatThrownBy(() -> Example.hard(new int[] {1, 2}, new float[] {1, 1})).hasMessageContaining("first token predicts nothing");
        assertThatThrownBy(() -> Example.hard(new int[] {1, 2}, new float[] {0, Float.NaN})).hasMessageContaining("NaN");
        assertThatThrownBy(() -> Example.hard(new int[] {1, 2}, new float[] {0})).isInstanceOf(IllegalArgumentException.class);
        assertThat(Example.of(new int[] {1, 2}, new int[] {3, 4}, 0.1f).weights()).containsExactly(0, 0.1f, 1, 1);
        assertThat(Example.of(new int[] {1, 2}, new int[] {3, 4}, 0).trained()).isEqualTo(2);
    }
}
