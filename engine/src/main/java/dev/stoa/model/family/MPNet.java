// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.Layout;
import dev.stoa.model.Layout.Rename;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import java.util.List;
import java.util.Set;

/// MPNet: no token types, positions that start after the padding row, and one learned bias by distance for all layers.
final class MPNet implements Family {
    private static final int PADDING = 1;
    private static final Layout LAYOUT = Layout.renamed(List.of(
            new Rename("^mpnet\\.", ""), new Rename("^embeddings\\.word_embeddings\\.", "embed_tokens."),
            new Rename("^embeddings\\.position_embeddings\\.", "embed_positions."), new Rename("^embeddings\\.LayerNorm\\.", "embed_norm."),
            new Rename("^encoder\\.relative_attention_bias\\.", "relative_attention_bias."), new Rename("^encoder\\.layer\\.", "layers."),
            new Rename("\\.attention\\.attn\\.([qkvo])\\.", ".self_attn.$1_proj."),
            new Rename("\\.attention\\.LayerNorm\\.", ".post_attention_layernorm."),
            new Rename("^(layers\\.\\d+)\\.intermediate\\.dense\\.", "$1.mlp.up_proj."),
            new Rename("^(layers\\.\\d+)\\.output\\.dense\\.", "$1.mlp.down_proj."),
            new Rename("^(layers\\.\\d+)\\.output\\.LayerNorm\\.", "$1.post_feedforward_layernorm.")));

    @Override
    public Set<String> keys() {
        return Set.of("layer_norm_eps", "relative_attention_num_buckets", "position_embedding_type");
    }

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        return Encoder.translate("mpnet", config, files, PADDING + 1, 0,
                config.fields().integer("relative_attention_num_buckets", 32, 4, 1 << 12), LAYOUT);
    }
}
