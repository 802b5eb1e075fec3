// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Distributes samples over micro-batches of at most `capacity` tokens, best fit decreasing: the longest sample first,
/// each into the fullest batch that still takes it. Batches are ragged, nothing is padded. Deterministic.
public final class Packer {
    private Packer() {}

    /// Samples longer than `capacity` are the caller's mistake: truncate first.
    public static List<Batch> pack(List<Example> samples, int capacity) {
        List<Batch> batches = new ArrayList<>();
        for (List<Integer> bin : bins(samples, capacity)) batches.add(Batch.of(bin.stream().map(samples::get).toList()));
        return batches;
    }

    /// Indices of the samples in each bin.
    static List<List<Integer>> bins(List<Example> samples, int capacity) {
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < samples.size(); i++) order.add(i);
        order.sort(Comparator.comparingInt((Integer i) -> -samples.get(i).length()));
        List<List<Integer>> bins = new ArrayList<>();
        TreeMap<Integer, List<Integer>> byRoom = new TreeMap<>();
        for (int index : order) {
            int length = samples.get(index).length();
            if (length > capacity) throw new IllegalArgumentException("a sample of " + length + " tokens, capacity " + capacity);
            Map.Entry<Integer, List<Integer>> best = byRoom.ceilingEntry(length);
            int bin = best == null ? bins.size() : best.getValue().removeLast();
            int room = best == null ? capacity : best.getKey();
            if (best == null) bins.add(new ArrayList<>());
            else if (best.getValue().isEmpty()) byRoom.remove(room);
            bins.get(bin).add(index);
            byRoom.computeIfAbsent(room - length, key -> new ArrayList<>()).add(bin);
        }
        return bins;
    }
}
