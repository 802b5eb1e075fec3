// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The updates of an adapter for dialects that know nothing but low-rank updates: checked to be just that, with the scale
/// (and rank) that most of them have. A module with another scale gets it into B, with one rounding per element; modules
/// of the common scale keep their bits.
record UniformFactors(Map<String, Delta.LowRank> modules, Map<String, Tensor> magnitudes, double scale, int rank) {
    private record Kind(double scale, int rank) {}

    /// `dialect` names the target in errors; `dora` is whether it can hold magnitudes.
    static UniformFactors of(Adapter adapter, String dialect, boolean dora) {
        List<String> issues = new ArrayList<>();
        Map<String, Delta.LowRank> modules = new TreeMap<>();
        Map<String, Tensor> magnitudes = new TreeMap<>();
        Map<Kind, Integer> counts = new HashMap<>();
        adapter.entries().forEach((target, delta) -> {
            Delta.LowRank low = delta.update();
            modules.put(target.path(), low);
            counts.merge(new Kind(low.scale(), low.rank()), 1, Integer::sum);
            if (low.bias() != null) issues.add(target.path() + " has a bias");
            if (delta instanceof Delta.Dora d) magnitudes.put(target.path(), d.magnitude());
        });
        if (!magnitudes.isEmpty() && (!dora || magnitudes.size() < modules.size())) issues.add("DoRA in " + magnitudes.size() + " of " + modules.size() + " modules");
        adapter.full().keySet().forEach(name -> issues.add(name + " is replaced as a whole"));
        adapter.tokens().keySet().forEach(path -> issues.add("rows of " + path + " are replaced"));
        if (!adapter.invocationTokens().isEmpty()) issues.add("it acts only after an invocation sequence");
        if (!issues.isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INVALID, "%s cannot hold all of this adapter", dialect).issues(issues.stream().limit(50).toList())
                    .next("flatten it, or fuse it into its base").exception();
        }
        Kind most = counts.entrySet().stream().max(Map.Entry.<Kind, Integer>comparingByValue()
                .thenComparing(entry -> -entry.getKey().scale()).thenComparing(entry -> -entry.getKey().rank())).orElseThrow().getKey();
        return new UniformFactors(modules, magnitudes, most.scale(), most.rank());
    }

    int largestRank() {
        return modules.values().stream().mapToInt(Delta.LowRank::rank).max().orElseThrow();
    }

    /// A factor (rows, cols) on the heap, times `factor`, padded with zeros to (toRows, toCols).
    static Tensor padded(Tensor source, double factor, int toRows, int toCols) {
        if (factor == 1 && toRows == source.rows() && toCols == source.cols()) return source;
        float[] values = Quant.decode(source);
        float[] wide = new float[Math.multiplyExact(toRows, toCols)];
        for (int r = 0; r < source.rows(); r++) {
            for (int c = 0; c < source.cols(); c++) wide[r * toCols + c] = (float) (values[r * source.cols() + c] * factor);
        }
        return Tensor.of(wide, toRows, toCols);
    }
}
