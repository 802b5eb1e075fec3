// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/// Factors that PEFT keeps for all experts of a layer together (`target_parameters`): A (E * r, in) expert by expert, and
/// B (out, r * E) with the expert as fastest axis. They become one low-rank update per expert matrix; an update of the
/// fused gate_up matrix becomes one of gate and one of up over the same A.
final class PeftExperts {
    private PeftExperts() {}

    /// Whether a module name means experts rather than one layer.
    static boolean matches(String module) {
        return module.endsWith(".experts") || module.endsWith(".experts.base_layer");
    }

    static void bind(String module, Tensor a, Tensor b, PeftConfig config, Map<String, long[]> baseShapes, Scope scope,
            SortedMap<TargetId, Delta> entries, List<String> issues) {
        String name = module.endsWith(".base_layer") ? module.substring(0, module.length() - ".base_layer".length()) : module;
        String path = ModuleNames.canonical(name);
        int experts = 0;
        while (baseShapes.containsKey(path + "." + experts + ".gate_proj")) experts++;
        if (experts == 0) {
            issues.add(module + ": the base has no such experts");
            return;
        }
        long[] gate = baseShapes.get(path + ".0.gate_proj");
        long inner = gate[0];
        long hidden = gate[1];
        boolean fits = a.rank() == 2 && b.rank() == 2 && a.dim(0) % experts == 0 && b.dim(1) == a.dim(0);
        boolean up = fits && a.dim(1) == hidden && b.dim(0) == 2 * inner;
        boolean down = fits && a.dim(1) == inner && b.dim(0) == hidden;
        if (!up && !down) {
            issues.add(module + ": lora_A " + a.describe() + " and lora_B " + b.describe() + " do not fit " + experts + " experts of "
                    + inner + " x " + hidden);
            return;
        }
        String parameter = name + (up ? ".gate_up_proj" : ".down_proj");
        int rank = Math.toIntExact(a.dim(0) / experts);
        if (config.rankOf(parameter) != rank) {
            issues.add(parameter + ": rank " + rank + " in the file, " + config.rankOf(parameter) + " in " + PeftReader.CONFIG);
            return;
        }
        double scale = config.scaleOf(parameter);
        float[] all = Quant.decode(b);
        for (int e = 0; e < experts; e++) {
            Tensor own = a.slice(e * rank, (e + 1) * rank);
            String expert = path + "." + e;
            if (down) {
                put(expert + ".down_proj", own, rows(all, 0, hidden, rank, experts, e, scope), scale, entries);
            } else {
                put(expert + ".gate_proj", own, rows(all, 0, inner, rank, experts, e, scope), scale, entries);
                put(expert + ".up_proj", own, rows(all, inner, inner, rank, experts, e, scope), scale, entries);
            }
        }
    }

    private static void put(String path, Tensor a, Tensor b, double scale, SortedMap<TargetId, Delta> entries) {
        entries.put(TargetId.ofPath(path), new Delta.LowRank(a, b, scale));
    }

    /// Rows [from, from + count) of one expert's B (count, r).
    private static Tensor rows(float[] all, long from, long count, int rank, int experts, int expert, Scope scope) {
        float[] values = new float[Math.toIntExact(count * rank)];
        for (int row = 0; row < count; row++) {
            for (int r = 0; r < rank; r++) {
                values[row * rank + r] = all[Math.toIntExact((from + row) * rank * experts + (long) r * experts + expert)];
            }
        }
        return Quant.encode(values, DType.F32, scope, count, rank);
    }
}
