// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.kernel.Lora.Segment;
import dev.stoa.nn.Linear;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Which adapters act on which rows of a batch, per linear layer. Rows are grouped by (adapter, weight), and groups
/// stand in the order of adapter hashes, so each row sums its adapters in its set's order whatever the batch holds.
final class AdapterRouting {
    /// The input table as adapters name it.
    static final String EMBEDDING = "embed_tokens";

    private record Group(Adapter adapter, double weight) {}

    /// Rows whose whole output is rescaled: y = rowFactors * (W x + factor * b a x).
    record Rescaled(Segment segment, Tensor rowFactors) {}

    /// Rows that get factor * bias (N) added.
    record Biased(Tensor bias, float factor, int[] rows) {}

    private static final Segment[] NONE = {};
    private static final Biased[] UNBIASED = {};
    private static final Rescaled[] UNSCALED = {};
    private final Model model;
    private final Segment[][] segments;
    private final Rescaled[][] rescaled;
    private final Biased[][] biased;
    private Segment[] embedding = NONE;
    private AdapterSet[] arranged = {};

    AdapterRouting(Model model) {
        this.model = model;
        this.segments = new Segment[model.linearShapes().size()][];
        this.rescaled = new Rescaled[segments.length][];
        this.biased = new Biased[segments.length][];
        Arrays.fill(biased, UNBIASED);
        Arrays.fill(segments, NONE);
        Arrays.fill(rescaled, UNSCALED);
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
        Map<Integer, List<Rescaled>> scaledByLinear = new TreeMap<>();
        Map<Integer, List<Biased>> biasesByLinear = new TreeMap<>();
        List<Segment> table = new ArrayList<>();
        groups.forEach((group, members) -> {
            int[] indices = members.stream().mapToInt(Integer::intValue).toArray();
            for (Map.Entry<TargetId, Delta> entry : group.adapter().entries().entrySet()) {
                String path = entry.getKey().path();
                switch (entry.getValue()) {
                    case Delta.LowRank low -> {
                        Segment segment = new Segment(low.a(), low.b(), (float) (group.weight() * low.scale()), indices);
                        if (path.equals(EMBEDDING)) table.add(segment);
                        else byLinear.computeIfAbsent(model.linear(path).index(), key -> new ArrayList<>()).add(segment);
                        if (low.bias() != null) {
                            biasesByLinear.computeIfAbsent(model.linear(path).index(), key -> new ArrayList<>())
                                    .add(new Biased(low.bias(), segment.factor(), indices));
                        }
                    }
                    case Delta.Dora dora -> scaledByLinear.computeIfAbsent(model.linear(path).index(), key -> new ArrayList<>())
                            .add(new Rescaled(new Segment(dora.update().a(), dora.update().b(), (float) dora.update().scale(), indices),
                                    dora.rowFactors()));
                }
            }
        });
        Arrays.fill(segments, NONE);
        Arrays.fill(rescaled, UNSCALED);
        byLinear.forEach((linear, list) -> segments[linear] = list.toArray(Segment[]::new));
        scaledByLinear.forEach((linear, list) -> rescaled[linear] = list.toArray(Rescaled[]::new));
        Arrays.fill(biased, UNBIASED);
        biasesByLinear.forEach((linear, list) -> biased[linear] = list.toArray(Biased[]::new));
        embedding = table.toArray(Segment[]::new);
    }

    /// The updates of a layer; `rows` names the rows at hand when they are a selection of the batch (rising), or is null.
    Segment[] segments(Linear linear, int[] rows) {
        Segment[] all = segments[linear.index()];
        if (rows == null || all.length == 0) return all;
        List<Segment> some = new ArrayList<>();
        for (Segment segment : all) {
            int[] places = places(segment.rows(), rows);
            if (places.length > 0) some.add(new Segment(segment.a(), segment.b(), segment.factor(), places));
        }
        return some.toArray(Segment[]::new);
    }

    Rescaled[] rescaled(Linear linear, int[] rows) {
        Rescaled[] all = rescaled[linear.index()];
        if (rows == null || all.length == 0) return all;
        List<Rescaled> some = new ArrayList<>();
        for (Rescaled one : all) {
            int[] places = places(one.segment().rows(), rows);
            Segment segment = one.segment();
            if (places.length > 0) some.add(new Rescaled(new Segment(segment.a(), segment.b(), segment.factor(), places), one.rowFactors()));
        }
        return some.toArray(Rescaled[]::new);
    }

    Biased[] biased(Linear linear, int[] rows) {
        Biased[] all = biased[linear.index()];
        if (rows == null || all.length == 0) return all;
        List<Biased> some = new ArrayList<>();
        for (Biased one : all) some.add(new Biased(one.bias(), one.factor(), places(one.rows(), rows)));
        return some.toArray(Biased[]::new);
    }

    /// Updates of the input table: a (R, vocab), b (hidden, R).
    Segment[] embedding() {
        return embedding;
    }

    /// Places in `rows` of those that are in `wanted`; both rise.
    private static int[] places(int[] wanted, int[] rows) {
        int[] places = new int[Math.min(wanted.length, rows.length)];
        int count = 0;
        for (int row : wanted) {
            int place = Arrays.binarySearch(rows, row);
            if (place >= 0) places[count++] = place;
        }
        return Arrays.copyOf(places, count);
    }

    private boolean unchanged(AdapterSet[] sets, int rows) {
        if (arranged.length != rows) return false;
        for (int row = 0; row < rows; row++) if (arranged[row] != sets[row]) return false;
        return true;
    }
}
