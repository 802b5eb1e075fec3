// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.MixerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.NormSpec;
import dev.stoa.model.RopeSpec;
import java.util.ArrayList;
import java.util.List;

/// Qwen3 (dense): as Llama, with an RMS norm on each query and key head before RoPE, a head_dim that defaults to 128
/// whatever the width, and an optional sliding window from layer `max_window_layers` on.
final class Qwen3 implements Family {
    private static final int DEFAULT_HEAD_DIM = 128;

    @Override
    public ModelSpec translate(ModelConfig config, boolean headPresent) {
        List<String> issues = new ArrayList<>();
        int kvHeads = config.kvHeads() > 0 ? config.kvHeads() : config.heads();
        int headDim = config.headDim() > 0 ? config.headDim() : DEFAULT_HEAD_DIM;
        boolean windowed = config.useSlidingWindow() && config.slidingWindow() > 0;
        for (String type : config.layerTypes()) {
            if (!type.equals("full_attention") && !(windowed && type.equals("sliding_attention"))) {
                issues.add("layer_types has " + type + (windowed ? "" : " without use_sliding_window and sliding_window"));
            }
        }
        Llama.checkAttention(config, kvHeads, headDim, issues);
        NormSpec norm = new NormSpec(config.rmsNormEps(), 0);
        RopeSpec rope = RopeScaling.of(config.rope(), headDim, config.maxPositions());
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            boolean sliding = config.layerTypes().isEmpty()
                    ? windowed && i >= config.maxWindowLayers() : config.layerTypes().get(i).equals("sliding_attention");
            MixerSpec mixer = new MixerSpec.Attention(config.heads(), kvHeads, headDim, (float) (1 / Math.sqrt(headDim)),
                    config.attentionBias(), config.attentionBias(), norm, rope, sliding ? config.slidingWindow() : 0);
            layers.add(new LayerSpec(i, mixer, norm, new FeedForward.Gated(config.intermediate(), false), norm));
        }
        return new ModelSpec("qwen3", config.modelType(), config.vocab(), config.hidden(), config.maxPositions(), 1, layers,
                norm, !headPresent, config.eosIds());
    }
}
