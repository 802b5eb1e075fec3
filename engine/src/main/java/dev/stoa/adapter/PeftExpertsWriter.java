// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;

/// Packs updates of single experts into the fused parameters `gate_up_proj` and `down_proj`, in the layout of PEFT 0.19.1
/// and later (see [PeftExperts]): A (E r, in) with the expert slowest, B (out, r E) with the expert fastest, the first
/// parameter of a module nested by `.base_layer`. Ranks are padded with zeros to the largest; where gate and up share no A,
/// their ranks stand side by side and B is block-diagonal.
final class PeftExpertsWriter {
    /// One fused parameter: its factors as F32, its rank and its scale.
    record Packed(Tensor a, Tensor b, int rank, double scale, boolean inner) {}

    private final Map<String, Map<Integer, Map<String, Delta.LowRank>>> parents = new TreeMap<>();
    private final AdapterBase base;

    PeftExpertsWriter(Collection<String> baseModules) {
        Map<String, long[]> names = new TreeMap<>();
        for (String path : baseModules) names.put(path, new long[0]);
        base = new AdapterBase(names, Map.of(), AdapterBase.GateUp.CONCATENATED);
    }

    void add(ExpertPath path, Delta.LowRank update) {
        parents.computeIfAbsent(path.parent() + ".experts", key -> new TreeMap<>()).computeIfAbsent(path.expert(), key -> new TreeMap<>())
                .put(path.projection(), update);
    }

    /// Fused parameters by path (`layers.0.mlp.experts.gate_up_proj`).
    Map<String, Packed> pack() {
        Map<String, Packed> all = new TreeMap<>();
        parents.forEach((parent, experts) -> {
            int count = Math.max(base.experts(parent), experts.keySet().stream().mapToInt(e -> e + 1).max().orElseThrow());
            boolean down = experts.values().stream().anyMatch(parts -> parts.containsKey("down_proj"));
            boolean gateUp = experts.values().stream().anyMatch(parts -> parts.containsKey("gate_proj") || parts.containsKey("up_proj"));
            if (gateUp) all.put(parent + ".gate_up_proj", gateUp(experts, count, down));
            if (down) all.put(parent + ".down_proj", single(experts, count));
        });
        return all;
    }

    private static Packed single(Map<Integer, Map<String, Delta.LowRank>> experts, int count) {
        Delta.LowRank first = first(experts, "down_proj");
        int rank = rank(experts, "down_proj");
        int in = first.a().cols();
        int out = first.b().rows();
        float[] a = new float[count * rank * in];
        float[] b = new float[out * rank * count];
        experts.forEach((e, parts) -> place(parts.get("down_proj"), first.scale(), e, count, rank, 0, 0, a, b));
        return new Packed(Tensor.of(a, (long) count * rank, in), Tensor.of(b, out, (long) rank * count), rank, first.scale(), false);
    }

    private static Packed gateUp(Map<Integer, Map<String, Delta.LowRank>> experts, int count, boolean nested) {
        String present = experts.values().stream().anyMatch(parts -> parts.containsKey("gate_proj")) ? "gate_proj" : "up_proj";
        Delta.LowRank first = first(experts, present);
        boolean shared = experts.values().stream().allMatch(parts -> shareA(parts.get("gate_proj"), parts.get("up_proj")));
        int half = Math.max(rank(experts, "gate_proj"), rank(experts, "up_proj"));
        int rank = shared ? half : 2 * half;
        int in = first.a().cols();
        int rows = first.b().rows();
        float[] a = new float[count * rank * in];
        float[] b = new float[2 * rows * rank * count];
        experts.forEach((e, parts) -> {
            place(parts.get("gate_proj"), first.scale(), e, count, rank, 0, 0, a, b);
            place(parts.get("up_proj"), first.scale(), e, count, rank, shared ? 0 : half, rows, a, b);
        });
        return new Packed(Tensor.of(a, (long) count * rank, in), Tensor.of(b, 2L * rows, (long) rank * count), rank, first.scale(), nested);
    }

    /// Rows of A from rank `offset` of the expert on, rows of B from `row` on, times what makes the scale common.
    private static void place(Delta.LowRank low, double scale, int e, int count, int rank, int offset, int row, float[] a, float[] b) {
        if (low == null) return;
        System.arraycopy(Quant.decode(low.a()), 0, a, (e * rank + offset) * low.a().cols(), low.rank() * low.a().cols());
        float[] values = Quant.decode(low.b());
        double factor = low.scale() / scale;
        for (int n = 0; n < low.b().rows(); n++) {
            for (int k = 0; k < low.rank(); k++) {
                float value = values[n * low.rank() + k];
                b[(row + n) * rank * count + (offset + k) * count + e] = factor == 1 ? value : (float) (value * factor);
            }
        }
    }

    private static boolean shareA(Delta.LowRank gate, Delta.LowRank up) {
        return gate != null && up != null && gate.scale() == up.scale() && gate.a().sameShape(up.a())
                && Arrays.equals(Quant.decode(gate.a()), Quant.decode(up.a()));
    }

    private static int rank(Map<Integer, Map<String, Delta.LowRank>> experts, String projection) {
        return experts.values().stream().map(parts -> parts.get(projection)).filter(low -> low != null).mapToInt(Delta.LowRank::rank).max().orElse(0);
    }

    private static Delta.LowRank first(Map<Integer, Map<String, Delta.LowRank>> experts, String projection) {
        return experts.values().stream().map(parts -> parts.get(projection)).filter(low -> low != null).findFirst().orElseThrow();
    }
}
