// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.NormSpec;
import java.util.List;

/// A model as data: what the decoder needs to know, independent of the family it came from.
/// Tensor names are canonical Hugging Face paths without the `model.` prefix (`layers.0.self_attn.q_proj`).
///
/// @param finalNorm null when the last layer ends with its own norm (encoders)
/// @param head null for encoders, whose result is the hidden states
public record ModelSpec(
        String family,
        String modelType,
        int vocab,
        int hidden,
        int maxContext,
        Embed embed,
        List<LayerSpec> layers,
        NormSpec finalNorm,
        Head head,
        Layout layout,
        List<Integer> eosIds) {
    /// The input table and what is added to its rows.
    ///
    /// @param scale factor on table rows; `rounded` says that it has the precision of the table's own type (Gemma)
    /// @param positions rows of a learned position table, 0 for none; `firstPosition` is the row of the first token
    /// @param tokenTypes rows of a token-type table of which the first is added, 0 for none
    /// @param norm norm of the sum, or null
    /// @param perLayerVocab rows of the per-layer table, 0 for none (Gemma 4)
    public record Embed(float scale, boolean rounded, int positions, int firstPosition, int tokenTypes, NormSpec norm, int perLayerVocab) {
        public static Embed scaled(float scale, boolean rounded) {
            return new Embed(scale, rounded, 0, 0, 0, null, 0);
        }
    }

    /// The output matrix: the input table when tied; logits become cap * tanh(logit / cap) unless softcap is 0.
    public record Head(boolean tied, float softcap) {}

    public ModelSpec {
        layers = List.copyOf(layers);
        eosIds = List.copyOf(eosIds);
    }

    /// A decoder in the canonical layout, without caps.
    public ModelSpec(String family, String modelType, int vocab, int hidden, int maxContext, float embedScale, List<LayerSpec> layers,
            NormSpec finalNorm, boolean tied, List<Integer> eosIds) {
        this(family, modelType, vocab, hidden, maxContext, Embed.scaled(embedScale, false), layers, finalNorm, new Head(tied, 0),
                Layout.CANONICAL, eosIds);
    }

    public float embedScale() {
        return embed.scale();
    }

    /// Whether the output matrix is the input table.
    public boolean tiedHead() {
        return head != null && head.tied();
    }

    /// Canonical name of the matrix that produces logits.
    public String headWeight() {
        return tiedHead() ? "embed_tokens.weight" : "lm_head.weight";
    }

    /// Width of the per-layer input of one layer, 0 when the model has none.
    public int perLayerInput() {
        return layers.stream().mapToInt(LayerSpec::perLayerInput).max().orElse(0);
    }
}
