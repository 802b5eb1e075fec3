// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.DType;
import java.util.List;
import java.util.Map;

/// Which block format each tensor of a GGUF model gets: `type` for matrices, `table` for the token table and the head,
/// `overrides` by exact name. Vectors, norms, routers, convolutions and position tables stay as they are, as llama.cpp
/// leaves them. Rows that do not fill the blocks fall back to the next format that fits, Q8_0, then F16.
public record TensorPolicy(DType type, DType table, Map<String, DType> overrides) {
    private static final List<String> KEPT = List.of("_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d", "altup", "laurel",
            "per_layer_model_proj", "position_embd.weight", "token_types.weight");
    private static final List<String> TABLES = List.of("token_embd.weight", "output.weight", "per_layer_token_embd.weight");

    public TensorPolicy {
        overrides = Map.copyOf(overrides);
    }

    /// One format for all matrices.
    public static TensorPolicy pure(DType type) {
        return new TensorPolicy(type, type, Map.of());
    }

    /// One format, but at least 6 bits for table and head.
    public static TensorPolicy of(DType type) {
        boolean coarse = type.blockElements() > 1 && 8.0 * type.blockBytes() / type.blockElements() < 6;
        return new TensorPolicy(type, coarse ? DType.Q6_K : type, Map.of());
    }

    /// The type of a tensor of a GGUF file: (name, row-major shape, stored type) -> what it becomes.
    public DType choose(String name, long[] shape, DType stored) {
        DType wanted = overrides.get(name);
        if (wanted == null) {
            boolean matrix = shape.length >= 2 && shape[shape.length - 2] > 1 && name.endsWith("weight");
            if (!matrix || KEPT.stream().anyMatch(name::contains)) return stored;
            wanted = TABLES.contains(name) ? table : type;
        }
        long cols = shape[shape.length - 1];
        for (DType fit : new DType[] {wanted, DType.Q8_0}) if (cols % fit.blockElements() == 0) return fit;
        return DType.F16;
    }
}
