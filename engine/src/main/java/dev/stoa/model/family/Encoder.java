// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.LayerSpec.Residual;
import dev.stoa.model.Layout;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;

/// The frame of BERT-like encoders: learned positions, layer norms after each sum, everything visible, no head.
final class Encoder {
    private Encoder() {}

    /// `firstPosition` is the row of the first token's position, `relativeBuckets` 0 without a bias by distance.
    static ModelSpec translate(String family, ModelConfig config, TensorDirectory files, int firstPosition, int tokenTypes,
            int relativeBuckets, Layout layout) {
        Translation t = Translation.of(config, files, 0);
        if (!t.fields().text("position_embedding_type", "absolute").equals("absolute")) t.fields().issue("position_embedding_type is not absolute");
        NormSpec norm = NormSpec.layer((float) t.fields().number("layer_norm_eps", 1e-12));
        if (config.intermediate() == 0) t.fields().issue("intermediate_size is missing");
        MixerSpec mixer = new MixerSpec.Attention(t.heads(), t.heads(), t.headDim(), t.scale(), true, true, null, null, 0,
                AttentionOptions.encoder(relativeBuckets));
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            layers.add(new LayerSpec(i, "self_attn", mixer, norm, null, new FeedForward.Plain(config.intermediate(), t.function()), norm, null,
                    Residual.POST, 0, false));
        }
        ModelSpec.Embed embed = new ModelSpec.Embed(1, false, config.maxPositions(), firstPosition, tokenTypes, norm, 0);
        return new ModelSpec(family, config.modelType(), config.vocab(), config.hidden(), config.maxPositions() - firstPosition, embed, layers,
                null, null, layout, config.eosIds());
    }
}
