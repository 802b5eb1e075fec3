// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;

/// Llama 2 and 3: grouped-query attention with rotary positions, gated SiLU feed-forward, RMS norms, no query/key
/// norm. `attention_bias` adds biases to all four projections, `mlp_bias` to all three of the feed-forward.
final class Llama implements Family {
    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, 0);
        t.expectAct("silu");
        t.layerTypes(List.of(), "full_attention");
        NormSpec norm = t.norm(0);
        RopeSpec rope = t.rope();
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            MixerSpec mixer = new MixerSpec.Attention(t.heads(), t.kvHeads(), t.headDim(), t.scale(),
                    config.attentionBias(), config.attentionBias(), null, rope, 0);
            layers.add(new LayerSpec(i, mixer, norm, t.gated(config.mlpBias()), norm));
        }
        return t.decoder("llama", layers, norm);
    }

}
