// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import java.util.Map;
import java.util.TreeMap;

/// What a dialect has to know of the base: `modules` are the matrices that can be updated, [outputs, inputs] by canonical
/// path (experts one by one: `layers.0.mlp.experts.3.gate_proj`; the input table as `embed_tokens`, [width, vocabulary]);
/// `tensors` are the shapes of all its tensors by canonical name, for those that replace one.
public record AdapterBase(Map<String, long[]> modules, Map<String, long[]> tensors, GateUp gateUp) {
    /// How a fused gate-and-up matrix orders its rows.
    public enum GateUp { CONCATENATED, INTERLEAVED }

    /// A base of which only these matrices are known; each may have a bias.
    public static AdapterBase ofModules(Map<String, long[]> modules) {
        Map<String, long[]> tensors = new TreeMap<>();
        modules.forEach((path, shape) -> {
            boolean table = path.equals("embed_tokens");
            tensors.put(path + ".weight", table ? new long[] {shape[1], shape[0]} : shape);
            if (!table) tensors.put(path + ".bias", new long[] {shape[0]});
        });
        return new AdapterBase(modules, tensors, GateUp.CONCATENATED);
    }

    /// Number of experts under `parent` (`layers.0.mlp.experts`), 0 when it has none.
    int experts(String parent) {
        int count = 0;
        while (modules.containsKey(parent + "." + count + ".gate_proj")) count++;
        return count;
    }
}
