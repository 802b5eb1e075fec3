// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.MixerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.NormSpec;
import dev.stoa.model.RopeSpec;
import java.util.ArrayList;
import java.util.List;

/// Llama 2 and 3: grouped-query attention with rotary positions, gated SiLU feed-forward, RMS norms, no query/key
/// norm. `attention_bias` adds biases to all four projections, `mlp_bias` to all three of the feed-forward.
final class Llama implements Family {
    @Override
    public ModelSpec translate(ModelConfig config, boolean headPresent) {
        List<String> issues = new ArrayList<>();
        int kvHeads = config.kvHeads() > 0 ? config.kvHeads() : config.heads();
        int headDim = config.headDim() > 0 ? config.headDim() : config.hidden() / config.heads();
        if (config.headDim() == 0 && config.hidden() % config.heads() != 0) {
            issues.add("hidden_size " + config.hidden() + " is not a multiple of num_attention_heads " + config.heads());
        }
        for (String type : config.layerTypes()) {
            if (!type.equals("full_attention")) issues.add("layer_types has " + type + ", llama knows full_attention only");
        }
        checkAttention(config, kvHeads, headDim, issues);
        NormSpec norm = new NormSpec(config.rmsNormEps(), 0);
        RopeSpec rope = RopeScaling.of(config.rope(), headDim, config.maxPositions());
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            MixerSpec mixer = new MixerSpec.Attention(config.heads(), kvHeads, headDim, (float) (1 / Math.sqrt(headDim)),
                    config.attentionBias(), config.attentionBias(), null, rope, 0);
            layers.add(new LayerSpec(i, mixer, norm, new FeedForward.Gated(config.intermediate(), config.mlpBias()), norm));
        }
        return new ModelSpec("llama", config.modelType(), config.vocab(), config.hidden(), config.maxPositions(), 1, layers,
                norm, !headPresent, config.eosIds());
    }

    /// What every grouped-query family needs of its head counts and activation; raises everything in `issues`.
    static void checkAttention(ModelConfig config, int kvHeads, int headDim, List<String> issues) {
        if (config.heads() % kvHeads != 0) {
            issues.add("num_attention_heads " + config.heads() + " is not a multiple of num_key_value_heads " + kvHeads);
        }
        if (headDim % 2 != 0) issues.add("head_dim " + headDim + " is odd");
        if (!config.hiddenAct().equals("silu")) issues.add("hidden_act " + config.hiddenAct() + ", expected silu");
        if (issues.isEmpty()) return;
        throw Fault.of(EngineFault.CONFIG_INVALID, "config.json does not describe a %s model", config.modelType())
                .issues(issues).exception();
    }
}
