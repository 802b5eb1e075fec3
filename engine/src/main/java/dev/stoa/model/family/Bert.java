// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.Layout;
import dev.stoa.model.Layout.Rename;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import java.util.List;
import java.util.Set;

/// BERT: learned positions and token types, of which the first is used.
final class Bert implements Family {
    private static final Layout LAYOUT = Layout.renamed(List.of(
            new Rename("^bert\\.", ""), new Rename("^embeddings\\.word_embeddings\\.", "embed_tokens."),
            new Rename("^embeddings\\.position_embeddings\\.", "embed_positions."),
            new Rename("^embeddings\\.token_type_embeddings\\.", "embed_token_types."),
            new Rename("^embeddings\\.LayerNorm\\.", "embed_norm."), new Rename("^encoder\\.layer\\.", "layers."),
            new Rename("\\.attention\\.self\\.query\\.", ".self_attn.q_proj."), new Rename("\\.attention\\.self\\.key\\.", ".self_attn.k_proj."),
            new Rename("\\.attention\\.self\\.value\\.", ".self_attn.v_proj."),
            new Rename("\\.attention\\.output\\.dense\\.", ".self_attn.o_proj."),
            new Rename("\\.attention\\.output\\.LayerNorm\\.", ".post_attention_layernorm."),
            new Rename("^(layers\\.\\d+)\\.intermediate\\.dense\\.", "$1.mlp.up_proj."),
            new Rename("^(layers\\.\\d+)\\.output\\.dense\\.", "$1.mlp.down_proj."),
            new Rename("^(layers\\.\\d+)\\.output\\.LayerNorm\\.", "$1.post_feedforward_layernorm."),
            new Rename("\\.gamma$", ".weight"), new Rename("\\.beta$", ".bias")));

    @Override
    public Set<String> keys() {
        return Set.of("layer_norm_eps", "type_vocab_size", "position_embedding_type");
    }

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        return Encoder.translate("bert", config, files, 0, config.fields().integer("type_vocab_size", 2, 1, 1 << 16), 0, LAYOUT);
    }
}
