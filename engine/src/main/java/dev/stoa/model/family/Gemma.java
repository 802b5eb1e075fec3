// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.LayerSpec;
import dev.stoa.model.LayerSpec.Residual;
import dev.stoa.model.Layout;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// Gemma 2 and 3: four norms per layer with weight + 1, GeGLU, embeddings times sqrt(hidden), sliding layers between full
/// ones. Gemma 3 has query/key norms and a rotation per type of layer; Gemma 2 caps scores and logits.
final class Gemma implements Family {
    private static final Set<String> KEYS =
            Set.of("query_pre_attn_scalar", "final_logit_softcapping", "attn_logit_softcapping", "sliding_window_pattern");
    private final boolean second;

    /// `second` for Gemma 2, otherwise Gemma 3.
    Gemma(boolean second) {
        this.second = second;
    }

    @Override
    public Set<String> keys() {
        if (second) return KEYS;
        Set<String> keys = new TreeSet<>(KEYS);
        keys.add("rope_local_base_freq");
        return keys;
    }

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, 256);
        t.expectAct("gelu_pytorch_tanh", "gelu_new");
        int pattern = t.fields().integer("sliding_window_pattern", second ? 2 : 6, 1, 1 << 20);
        List<String> fallback = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) fallback.add((i + 1) % pattern == 0 ? "full_attention" : "sliding_attention");
        List<String> types = t.layerTypes(fallback, "full_attention", "sliding_attention");
        int window = config.slidingWindow() > 0 ? config.slidingWindow() : 4096;
        NormSpec norm = t.norm(files.gguf() ? 0 : 1);
        float scale = (float) Math.pow(t.fields().number("query_pre_attn_scalar", 256), -0.5);
        float scoreCap = (float) t.fields().number("attn_logit_softcapping", second && !t.fields().mentions("attn_logit_softcapping") ? 50 : 0);
        AttentionOptions options = new AttentionOptions(false, false, scoreCap, false, false, -1, false, 0);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            RopeSpec rope = RopeScaling.of(config.rope(types.get(i)), t.headDim(), config.maxPositions());
            MixerSpec mixer = new MixerSpec.Attention(t.heads(), t.kvHeads(), t.headDim(), scale, config.attentionBias(),
                    config.attentionBias(), second ? null : norm, rope, types.get(i).equals("sliding_attention") ? window : 0, options);
            layers.add(new LayerSpec(i, "self_attn", mixer, norm, norm, t.gated(false), norm, norm, Residual.PRE, 0, false));
        }
        float cap = (float) t.fields().number("final_logit_softcapping", second && !t.fields().mentions("final_logit_softcapping") ? 30 : 0);
        return t.decoder(second ? "gemma2" : "gemma3", ModelSpec.Embed.scaled((float) Math.sqrt(config.hidden()), !files.gguf()), layers,
                norm, cap, Layout.CANONICAL);
    }
}
