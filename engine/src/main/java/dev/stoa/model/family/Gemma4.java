// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.ConfigFields;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.LayerSpec.Residual;
import dev.stoa.model.Layout;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelConfig.RopeParameters;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RouterSpec;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Gemma 4: plain norms, attention scale 1 with normed values, wider heads in full layers (whose values may be their keys),
/// last layers that read the keys and values of earlier ones, a per-layer input, experts beside the dense block, and a
/// learned scale per layer.
final class Gemma4 implements Family {
    private static final int DEFAULT_FULL_HEAD_DIM = 512;

    @Override
    public Set<String> keys() {
        return Set.of("final_logit_softcapping", "rope_local_base_freq", "attention_k_eq_v", "num_kv_shared_layers",
                "use_double_wide_mlp", "hidden_size_per_layer_input", "vocab_size_per_layer_input", "global_head_dim",
                "num_global_key_value_heads", "per_layer_config", "enable_moe_block", "num_experts", "num_local_experts", "top_k_experts",
                "moe_intermediate_size", "partial_rotary_factor", "sliding_window_pattern", "use_bidirectional_attention",
                "rope_parameters");
    }

    /// Head sizes of one layer.
    private record Heads(int dim, int keys) {}

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, 256);
        ConfigFields fields = t.fields();
        t.expectAct("gelu_pytorch_tanh");
        // "vision" opens the mask between image tokens only; for text it is the usual one.
        if (fields.has("use_bidirectional_attention") && !List.of("vision", false).contains(fields.plain("use_bidirectional_attention"))) {
            fields.issue("use_bidirectional_attention = " + fields.plain("use_bidirectional_attention") + " is not supported");
        }
        List<String> fallback = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) fallback.add((i + 1) % 6 == 0 ? "full_attention" : "sliding_attention");
        List<String> types = new ArrayList<>(t.layerTypes(fallback, "full_attention", "sliding_attention"));
        types.set(types.size() - 1, "full_attention");
        int shared = fields.integer("num_kv_shared_layers", 0, 0, config.layers() - 1);
        int firstShared = config.layers() - shared;
        int width = fields.integer("hidden_size_per_layer_input", 256, 0, 1 << 16);
        NormSpec norm = t.norm(0);
        FeedForward.Moe moe = fields.flag("enable_moe_block", false) ? experts(t) : null;
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            boolean wide = i >= firstShared && fields.flag("use_double_wide_mlp", false);
            FeedForward.Gated dense = t.gated(config.intermediate() * (wide ? 2 : 1), false);
            FeedForward ffn = moe == null ? dense : new FeedForward.DensePlusMoe(dense, moe, norm);
            int source = i < firstShared ? -1 : types.subList(0, firstShared).lastIndexOf(types.get(i));
            if (i >= firstShared && source < 0) {
                fields.issue("layer " + i + " shares keys and values, but no earlier layer is a " + types.get(i));
                continue;
            }
            layers.add(new LayerSpec(i, "self_attn", attention(t, types.get(i), i, norm, source), norm, norm, ffn, norm, norm,
                    Residual.PRE, width, true));
        }
        int perLayerVocab = width == 0 ? 0 : fields.integer("vocab_size_per_layer_input", 262_144, 1, 1 << 24);
        ModelSpec.Embed embed = new ModelSpec.Embed((float) Math.sqrt(config.hidden()), !files.gguf(), 0, 0, 0, null, perLayerVocab);
        return t.decoder("gemma4", embed, layers, norm, (float) fields.number("final_logit_softcapping", 0), Layout.CANONICAL);
    }

    private static MixerSpec attention(Translation t, String type, int layer, NormSpec norm, int source) {
        boolean full = type.equals("full_attention");
        boolean keysAreValues = full && t.fields().flag("attention_k_eq_v", false);
        Heads heads = heads(t, layer, full, keysAreValues);
        if (t.heads() % heads.keys() != 0) t.fields().issue("layer " + layer + " has " + t.heads() + " heads over " + heads.keys());
        int window = t.config().slidingWindow() > 0 ? t.config().slidingWindow() : 512;
        boolean bias = t.config().attentionBias();
        return new MixerSpec.Attention(t.heads(), heads.keys(), heads.dim(), 1, bias, bias, norm,
                RopeScaling.of(rope(t.config(), type), heads.dim(), t.config().maxPositions()), full ? 0 : window,
                new AttentionOptions(false, false, 0, keysAreValues, true, source, false, 0));
    }

    /// Full layers rotate a quarter of their channels, counted proportionally, unless the config has parameters of its own.
    private static RopeParameters rope(ModelConfig config, String type) {
        RopeParameters given = config.rope(type);
        boolean silent = type.equals("full_attention") && given.type().equals("default") && given.partialRotaryFactor() == 1
                && !config.fields().has("rope_parameters");
        if (!silent) return given;
        return new RopeParameters("proportional", given.theta(), 1, 1, 4, Double.NaN, Double.NaN, 32, 1, Double.NaN, Double.NaN, true, 0.25);
    }

    private static Heads heads(Translation t, int layer, boolean full, boolean keysAreValues) {
        ConfigFields fields = t.fields();
        int dim = t.headDim();
        int keys = t.kvHeads();
        if (fields.has("per_layer_config")) {
            Map<String, ConfigFields> byLayer = fields.objects("per_layer_config");
            ConfigFields own = byLayer.get(Integer.toString(layer));
            if (own == null) return new Heads(dim, keys);
            for (String key : own.keys()) {
                if (!List.of("head_dim", "num_key_value_heads").contains(key)) fields.issue("per_layer_config." + layer + "." + key + " is not understood");
            }
            return new Heads(own.integer("head_dim", dim, 2, 1 << 14), own.integer("num_key_value_heads", keys, 1, 1 << 14));
        }
        if (!full) return new Heads(dim, keys);
        int global = fields.integer("num_global_key_value_heads", keys, 1, 1 << 14);
        return new Heads(fields.integer("global_head_dim", DEFAULT_FULL_HEAD_DIM, 2, 1 << 14), keysAreValues ? global : keys);
    }

    private static FeedForward.Moe experts(Translation t) {
        int experts = t.experts(-1);
        RouterSpec router = new RouterSpec(RouterSpec.Scoring.SOFTMAX, t.topK("top_k_experts", -1, experts), true, 0, false, true, true);
        return new FeedForward.Moe("", router, experts, t.fields().integer("moe_intermediate_size", -1, 1, 1 << 22), t.function(), 0, false);
    }
}
