// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import java.util.List;

/// Between Hugging Face module names and canonical paths (without the model's own prefix).
final class ModuleNames {
    private static final List<String> PREFIXES =
            List.of("model.language_model.", "language_model.model.", "language_model.", "model.");

    private ModuleNames() {}

    /// `model.layers.0.mlp.up_proj` -> `layers.0.mlp.up_proj`.
    static String canonical(String name) {
        for (String prefix : PREFIXES) if (name.startsWith(prefix)) return name.substring(prefix.length());
        return name;
    }

    /// The inverse, as a causal language model of transformers names its modules.
    static String huggingFace(String path) {
        return path.equals("lm_head") ? path : "model." + path;
    }
}
