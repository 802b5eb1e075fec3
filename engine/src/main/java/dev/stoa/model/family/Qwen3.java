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

/// Qwen3 (dense): as Llama, with an RMS norm on each query and key head before RoPE, a head_dim that defaults to 128
/// whatever the width, and an optional sliding window from layer `max_window_layers` on.
final class Qwen3 implements Family {
    static final int DEFAULT_HEAD_DIM = 128;

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, DEFAULT_HEAD_DIM);
        t.expectAct("silu");
        List<String> types = Qwen2.windowed(t);
        NormSpec norm = t.norm(0);
        RopeSpec rope = t.rope();
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            int window = types.get(i).equals("sliding_attention") ? config.slidingWindow() : 0;
            layers.add(new LayerSpec(i, attention(t, norm, rope, window), norm, t.gated(false), norm));
        }
        return t.decoder("qwen3", layers, norm);
    }

    static MixerSpec attention(Translation t, NormSpec norm, RopeSpec rope, int window) {
        boolean bias = t.config().attentionBias();
        return new MixerSpec.Attention(t.heads(), t.kvHeads(), t.headDim(), t.scale(), bias, bias, norm, rope, window);
    }
}
