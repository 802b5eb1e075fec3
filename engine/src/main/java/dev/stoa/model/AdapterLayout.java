// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Brings adapters between the canonical order of rows and columns and that of a file whose base weights are stored in
/// another (GGUF). Base weights are never permuted; the factors are: rows of B and of magnitudes, columns of A.
public final class AdapterLayout {
    private AdapterLayout() {}

    /// An adapter in canonical order, in the order of `spec`'s file. The hash stays: it names the adapter's own content.
    public static Adapter toFile(Adapter adapter, ModelSpec spec, Scope scope) {
        return permuted(adapter, spec.layout().rowMaps(), spec.layout().columnMaps(), scope);
    }

    private static Adapter permuted(Adapter adapter, Map<String, int[]> rows, Map<String, int[]> columns, Scope scope) {
        if (rows.isEmpty() && columns.isEmpty()) return adapter;
        SortedMap<TargetId, Delta> entries = new TreeMap<>();
        adapter.entries().forEach((target, delta) -> {
            int[] row = rows.get(target.path());
            int[] column = columns.get(target.path());
            Delta.LowRank low = delta.update();
            Delta.LowRank moved = new Delta.LowRank(column == null ? low.a() : columns(low.a(), column, scope),
                    row == null ? low.b() : rows(low.b(), row, scope), low.scale(),
                    row == null || low.bias() == null ? low.bias() : vector(low.bias(), row, scope));
            entries.put(target, row == null && column == null ? delta : switch (delta) {
                case Delta.LowRank ignored -> moved;
                case Delta.Dora dora -> new Delta.Dora(moved, row == null ? dora.magnitude()
                        : vector(dora.magnitude(), row, scope), null);
            });
        });
        return new Adapter(adapter.hash(), adapter.baseHash(), entries, adapter.full(), adapter.tokens(), adapter.invocationTokens());
    }

    /// Row i of the result is row map[i].
    private static Tensor rows(Tensor from, int[] map, Scope scope) {
        float[] values = new float[Math.toIntExact(from.elements())];
        for (int i = 0; i < map.length; i++) Quant.decodeRow(from, map[i], values, i * from.cols());
        return Quant.encode(values, DType.F32, scope, from.shape());
    }

    private static Tensor vector(Tensor from, int[] map, Scope scope) {
        return rows(from.view(map.length, 1), map, scope).view(map.length);
    }

    private static Tensor columns(Tensor from, int[] map, Scope scope) {
        float[] old = Quant.decode(from);
        float[] values = new float[old.length];
        for (int r = 0; r < from.rows(); r++) {
            for (int i = 0; i < map.length; i++) values[r * map.length + i] = old[r * map.length + map[i]];
        }
        return Quant.encode(values, DType.F32, scope, from.shape());
    }
}
