// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.kernel.Lora.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Which adapters act on which rows of a batch, per linear layer. Rows are grouped by (adapter, weight), and groups
/// stand in the order of adapter hashes, so each row sums its adapters in its set's order whatever the batch holds.
final class AdapterRouting {
    private record Group(Adapter adapter, double weight) {}

    private static final Segment[] NONE = {};
    private final Model model;
    private final Segment[][] segments;
    private AdapterSet[] arranged = {};

    AdapterRouting(Model model) {
        this.model = model;
        this.segments = new Segment[model.linearShapes().size()][];
        Arrays.fill(segments, NONE);
    }

    /// Prepares the segments of the first `rows` sets; nothing to do when they are those of the last call.
    void arrange(AdapterSet[] sets, int rows) {
        if (unchanged(sets, rows)) return;
        arranged = Arrays.copyOf(sets, rows);
        Map<Group, List<Integer>> groups = new TreeMap<>(
                Comparator.<Group, String>comparing(group -> group.adapter().hash()).thenComparingDouble(Group::weight));
        for (int row = 0; row < rows; row++) {
            for (AdapterSet.Member member : sets[row].members()) {
                groups.computeIfAbsent(new Group(member.adapter(), member.weight()), key -> new ArrayList<>()).add(row);
            }
        }
        Map<Integer, List<Segment>> byLinear = new TreeMap<>();
        groups.forEach((group, members) -> {
            int[] indices = members.stream().mapToInt(Integer::intValue).toArray();
            for (Map.Entry<TargetId, Delta> entry : group.adapter().entries().entrySet()) {
                int linear = model.linear(entry.getKey().path()).index();
                Segment segment = switch (entry.getValue()) {
                    case Delta.LowRank low -> new Segment(low.a(), low.b(), (float) (group.weight() * low.scale()), indices);
                    case Delta.Dora dora -> throw new IllegalStateException("refused when it was loaded");
                };
                byLinear.computeIfAbsent(linear, key -> new ArrayList<>()).add(segment);
            }
        });
        Arrays.fill(segments, NONE);
        byLinear.forEach((linear, list) -> segments[linear] = list.toArray(Segment[]::new));
    }

    Segment[] segments(Linear linear) {
        return segments[linear.index()];
    }

    private boolean unchanged(AdapterSet[] sets, int rows) {
        if (arranged.length != rows) return false;
        for (int row = 0; row < rows; row++) if (arranged[row] != sets[row]) return false;
        return true;
    }
}
