// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import java.util.HashMap;
import java.util.Map;

/// What a family says about its GGUF files, as data: `modules` maps the name of a base tensor (`blk.0.attn_q.weight`) to a
/// canonical path, with `{e}` in place of the expert for stacked ones. `rows` and `columns` give, by canonical path, for
/// each row (column) of the file's matrix its canonical index; a path without one is not permuted.
public record GgufNames(String architecture, Map<String, String> modules, Map<String, int[]> rows, Map<String, int[]> columns) {
    public GgufNames {
        modules = Map.copyOf(modules);
        rows = Map.copyOf(rows);
        columns = Map.copyOf(columns);
    }

    /// Canonical path -> name of the base tensor.
    Map<String, String> byPath() {
        Map<String, String> names = new HashMap<>();
        modules.forEach((name, path) -> names.put(path, name));
        return names;
    }

    /// The order in which architecture `llama` keeps the rows of q and k: the two halves of a head interleaved.
    public static int[] interleavedHalves(int heads, int headDim) {
        int[] order = new int[heads * headDim];
        for (int i = 0; i < order.length; i++) {
            int inside = i % headDim;
            order[i] = i - inside + inside % 2 * (headDim / 2) + inside / 2;
        }
        return order;
    }
}
