// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelConfig.RopeParameters;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What mlx-lm (0.32) cannot load, or would compute otherwise without saying so, although the layout itself could hold it.
final class MlxLimits {
    private static final Set<String> FAMILIES = Set.of("llama", "qwen2", "qwen3", "qwen3_moe", "gemma2", "gemma3", "gemma4", "qwen3_5", "minimax_m2");
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
        if (family.equals("gemma4")) {
            if (!Set.of("default", "proportional").contains(rope.type())) reasons.add("rope type " + rope.type() + ", which mlx-lm does not read for gemma4");
            if (attention(spec).inputBias()) reasons.add("attention_bias, which mlx-lm reads only for llama");
            return reasons;
        }
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

    /// The config of Gemma 4 as mlx-lm reads it: full layers by keys of their own, and nothing left to its defaults. What these keys
    /// cannot say is found when they are read back.
    static ObjectNode gemma4(ObjectNode plain, ModelSpec spec) {
        MixerSpec.Attention full = (MixerSpec.Attention) spec.layers().getLast().mixer();
        int shared = 0;
        int widest = 0;
        for (LayerSpec layer : spec.layers()) {
            if (((MixerSpec.Attention) layer.mixer()).options().sharedLayer() >= 0) shared++;
            if (layer.ffn() instanceof FeedForward.Gated gated) widest = Math.max(widest, gated.intermediate());
        }
        plain.remove("per_layer_config");
        plain.put("global_head_dim", full.headDim()).put("attention_k_eq_v", full.options().keysAreValues());
        if (full.options().keysAreValues()) plain.put("num_global_key_value_heads", full.kvHeads());
        plain.put("num_kv_shared_layers", shared).put("use_double_wide_mlp", widest > plain.path("intermediate_size").asInt(0));
        plain.put("hidden_size_per_layer_input", spec.layers().getFirst().perLayerInput());
        if (spec.embed().perLayerVocab() > 0) plain.put("vocab_size_per_layer_input", spec.embed().perLayerVocab());
        if (spec.head().softcap() == 0) plain.putNull("final_logit_softcapping");
        plain.put("enable_moe_block", spec.layers().getFirst().ffn() instanceof FeedForward.DensePlusMoe);
        ArrayNode types = plain.putArray("layer_types");
        for (LayerSpec layer : spec.layers()) types.add(((MixerSpec.Attention) layer.mixer()).window() > 0 ? "sliding_attention" : "full_attention");
        return plain;
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
