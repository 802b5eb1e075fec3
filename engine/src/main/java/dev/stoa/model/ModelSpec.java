// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import java.util.List;

/// A model as data: what the decoder needs to know, independent of the family it came from.
/// Tensor names are canonical Hugging Face paths without the `model.` prefix (`layers.0.self_attn.q_proj`).
public record ModelSpec(
        String family,
        String modelType,
        int vocab,
        int hidden,
        int maxContext,
        float embedScale,
        List<LayerSpec> layers,
        NormSpec finalNorm,
        boolean tiedHead,
        List<Integer> eosIds) {
    public ModelSpec {
        layers = List.copyOf(layers);
        eosIds = List.copyOf(eosIds);
    }

    /// Canonical name of the matrix that produces logits.
    public String headWeight() {
        return tiedHead ? "embed_tokens.weight" : "lm_head.weight";
    }
}
