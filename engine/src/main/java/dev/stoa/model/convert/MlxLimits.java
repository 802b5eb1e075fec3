// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelConfig.RopeParameters;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// What mlx-lm (0.32) cannot load, or would compute otherwise without saying so, although the layout itself could hold it.
final class MlxLimits {
    private static final Set<String> FAMILIES = Set.of("llama", "qwen2", "qwen3", "qwen3_moe", "gemma2", "gemma3", "qwen3_5", "minimax_m2");
    private static final Set<String> PLAIN_ROPE = Set.of("gemma2", "qwen3_moe", "minimax_m2");
    private static final Set<String> ROPES = Set.of("default", "linear", "llama3", "yarn");

    private MlxLimits() {}

    /// Reasons to refuse; empty when mlx-lm computes what the source does.
    static List<String> reasons(ModelSpec spec, ModelConfig config) {
        String family = spec.family();
        List<String> reasons = new ArrayList<>();
        if (!FAMILIES.contains(family)) {
            reasons.add("models of the family " + family + " are not written in the MLX layout, only those of " + FAMILIES.stream().sorted().toList());
            return reasons;
        }
        RopeParameters rope = config.rope("full_attention");
        if (!ROPES.contains(rope.type())) reasons.add("rope type " + rope.type());
        if (PLAIN_ROPE.contains(family) && !rope.type().equals("default")) {
            reasons.add("rope type " + rope.type() + ", which mlx-lm does not read for " + family);
        }
        if (rope.type().equals("yarn") && !Double.isNaN(rope.attentionFactor())) reasons.add("attention_factor of yarn, which mlx-lm does not read");
        if (rope.type().equals("yarn") && !rope.truncate()) reasons.add("yarn without truncation, which mlx-lm does not know");
        MixerSpec.Attention attention = attention(spec);
        if (attention.outputBias() && !family.equals("llama")) reasons.add("attention_bias, which mlx-lm reads only for llama");
        if (family.equals("qwen2") && attention.heads() * attention.headDim() != spec.hidden()) {
            reasons.add("head_dim " + attention.headDim() + " is not hidden_size / num_attention_heads, as mlx-lm takes it for qwen2");
        }
        int window = window(spec);
        if (window > 0 && window < spec.maxContext() && !family.equals("gemma3")) {
            reasons.add("layers with a window of " + window + ", which mlx-lm computes without one for this family");
        }
        if (family.equals("gemma3") && spec.head().softcap() > 0) reasons.add("final_logit_softcapping, which mlx-lm does not read for gemma3");
        if (family.equals("gemma3") && PlainConfig.period(spec) == 0) {
            reasons.add("layer_types that no sliding_window_pattern describes, which is all that mlx-lm reads");
        }
        if (family.equals("gemma3") && !config.rope("sliding_attention").type().equals("default")) reasons.add("scaled rotations of sliding layers");
        if (family.equals("qwen3_5") && interval(spec) == 0) reasons.add("layer_types that no full_attention_interval describes, which is all that mlx-lm reads");
        return reasons;
    }

    /// n, if exactly every n-th layer attends to everything; 0 when no number says which layers do.
    static int interval(ModelSpec spec) {
        int layers = spec.layers().size();
        for (int n = 1; n <= layers + 1; n++) {
            boolean fits = true;
            for (LayerSpec layer : spec.layers()) fits &= layer.mixer() instanceof MixerSpec.Attention == ((layer.index() + 1) % n == 0);
            if (fits) return n;
        }
        return 0;
    }

    private static int window(ModelSpec spec) {
        int window = 0;
        for (LayerSpec layer : spec.layers()) if (layer.mixer() instanceof MixerSpec.Attention a) window = Math.max(window, a.window());
        return window;
    }

    private static MixerSpec.Attention attention(ModelSpec spec) {
        for (LayerSpec layer : spec.layers()) if (layer.mixer() instanceof MixerSpec.Attention a) return a;
        throw new IllegalArgumentException("no layer of the model attends");
    }
}
