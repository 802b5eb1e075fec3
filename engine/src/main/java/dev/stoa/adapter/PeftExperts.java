// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.adapter.PeftReader.MoeOrientation;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;

/// Fused experts as PEFT's `target_parameters` store them, unpacked into one update per expert.
///
/// For a base parameter P (E, d1, d2), A is (E r, in) with the expert slowest, B is (out, r E) with the expert fastest.
/// From PEFT 0.19.1 on in = d2, out = d1 and dP[e] = B_e A_e; before, in = d1, out = d2 and dP[e] = (B_e A_e)t. The shapes
/// tell which parameter and which of the two it is, except when d1 = d2.
final class PeftExperts {
    private static final String EXPERTS = ".experts";
    private static final String INNER = ".base_layer";
    private final PeftConfig config;
    private final AdapterBase base;
    private final MoeOrientation orientation;
    private final AdapterBuilder builder;
    private final Scope scope;

    PeftExperts(PeftConfig config, AdapterBase base, MoeOrientation orientation, AdapterBuilder builder, Scope scope) {
        this.config = config;
        this.base = base;
        this.orientation = orientation;
        this.builder = builder;
        this.scope = scope;
    }

    /// Whether a canonical path names all experts of a layer at once; two adapted parameters nest by `.base_layer`.
    static boolean fused(String path, AdapterBase base) {
        String parent = strip(path);
        return parent.endsWith(EXPERTS) && base.experts(parent) > 0;
    }

    private static String strip(String path) {
        return path.endsWith(INNER) ? path.substring(0, path.length() - INNER.length()) : path;
    }

    void unpack(String name, PeftReader.Parts parts) {
        String parent = strip(ModuleNames.canonical(name));
        int experts = base.experts(parent);
        long[] gate = base.modules().get(parent + ".0.gate_proj");
        long[] down = base.modules().get(parent + ".0.down_proj");
        Tensor a = parts.a;
        Tensor b = parts.b;
        if (parts.bias != null || parts.magnitude != null || parts.diagonal != null || down == null) {
            builder.issues.add(name + ": fused experts take plain factors only");
            return;
        }
        if (a.rank() != 2 || b.rank() != 2 || a.dim(0) != b.dim(1) || a.dim(0) % experts != 0 || a.dim(0) == 0) {
            builder.issues.add(name + ": lora_A " + a.describe() + " and lora_B " + b.describe() + " are no pair for " + experts + " experts");
            return;
        }
        if (!FactorLayout.isFloat(a) || !FactorLayout.isFloat(b)) {
            builder.issues.add(name + ": lora_A " + a.describe() + " and lora_B " + b.describe() + ", expected F32, F16 or BF16");
            return;
        }
        int rank = Math.toIntExact(a.dim(0) / experts);
        boolean both = fits(a, b, 2 * gate[0], gate[1]) || fits(a, b, gate[1], 2 * gate[0]);
        long d1 = both ? 2 * gate[0] : down[0];
        long d2 = both ? gate[1] : down[1];
        if (!fits(a, b, d1, d2) && !fits(a, b, d2, d1)) {
            builder.issues.add("%s: lora_A %s and lora_B %s fit neither gate_up [%d, %d] nor down [%d, %d]".formatted(
                    name, a.describe(), b.describe(), 2 * gate[0], gate[1], down[0], down[1]));
            return;
        }
        String module = strip(name);
        String parameter = module + (both ? ".gate_up_proj" : ".down_proj");
        if (config.rankOf(module) != rank && config.rankOf(parameter) != rank) {
            builder.issues.add(name + ": rank " + rank + " in the file, " + config.rankOf(module) + " in " + PeftReader.CONFIG);
            return;
        }
        boolean modern = fits(a, b, d1, d2);
        if (d1 == d2) {
            if (orientation == MoeOrientation.AUTO && !config.modernExperts()) {
                builder.issues.add(name + ": a square matrix from PEFT \"" + config.version() + "\" does not tell its orientation; "
                        + "pass --moe-orientation legacy or modern");
                return;
            }
            modern = orientation != MoeOrientation.LEGACY;
        }
        double scale = config.rankOf(parameter) == rank ? config.scaleOf(parameter) : config.scaleOf(module);
        for (int e = 0; e < experts; e++) split(name, parent + "." + e, both, expertA(a, b, e, experts, rank, modern), expertB(a, b, e, experts, rank, modern), scale);
    }

    /// Whether A (E r, in) and B (out, r E) are those of one matrix (out, in).
    private static boolean fits(Tensor a, Tensor b, long out, long in) {
        return a.dim(1) == in && b.dim(0) == out;
    }

    private Tensor expertA(Tensor a, Tensor b, int e, int experts, int rank, boolean modern) {
        return modern ? a.slice(e * rank, (e + 1) * rank) : FactorLayout.transpose(columns(b, e, experts, rank), scope);
    }

    private Tensor expertB(Tensor a, Tensor b, int e, int experts, int rank, boolean modern) {
        return modern ? columns(b, e, experts, rank) : FactorLayout.transpose(a.slice(e * rank, (e + 1) * rank), scope);
    }

    private Tensor columns(Tensor b, int e, int experts, int rank) {
        int[] order = new int[rank];
        for (int k = 0; k < rank; k++) order[k] = k * experts + e;
        return FactorLayout.columns(b, order, scope);
    }

    private void split(String name, String expert, boolean gateUp, Tensor a, Tensor b, double scale) {
        if (!gateUp) {
            builder.update(name, expert + ".down_proj", a, b, scale, null, null);
            return;
        }
        int half = b.rows() / 2;
        Tensor gate = half(b, half, 0);
        Tensor up = half(b, half, 1);
        builder.update(name, expert + ".gate_proj", a, gate, scale, null, null);
        builder.update(name, expert + ".up_proj", a, up, scale, null, null);
    }

    /// The gate's (0) or the up projection's (1) rows of a fused B (2 I, r).
    private Tensor half(Tensor b, int rows, int part) {
        return switch (base.gateUp()) {
            case CONCATENATED -> b.slice(part * rows, (part + 1) * rows);
            case INTERLEAVED -> {
                int[] order = new int[rows];
                for (int i = 0; i < rows; i++) order[i] = 2 * i + part;
                yield FactorLayout.rows(b, order, scope);
            }
        };
    }
}
