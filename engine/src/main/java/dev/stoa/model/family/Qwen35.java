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
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.RouterSpec;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerConfig;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Qwen3.5 and 3.6: gated delta net layers with a gated full-attention layer in every fourth place, dense or with experts
/// and a gated shared expert. Norms are zero-centered (weight + 1) except that of the delta net; conversions to MLX and
/// GGUF have folded the 1 into the weights.
final class Qwen35 implements Family {
    @Override
    public Set<String> keys() {
        return Set.of("partial_rotary_factor", "mrope_section", "full_attention_interval", "linear_conv_kernel_dim",
                "linear_key_head_dim", "linear_value_head_dim", "linear_num_key_heads", "linear_num_value_heads", "num_experts",
                "num_local_experts", "num_experts_per_tok", "moe_intermediate_size", "shared_expert_intermediate_size",
                "mtp_num_hidden_layers", "mtp_use_dedicated_embeddings", "mamba_ssm_dtype", "attn_output_gate", "norm_topk_prob",
                "output_gate_type", "decoder_sparse_step", "mlp_only_layers");
    }

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, 256);
        t.expectAct("silu");
        if (!t.fields().flag("attn_output_gate", true)) t.fields().issue("attn_output_gate false is not supported");
        if (!t.fields().flag("norm_topk_prob", true)) t.fields().issue("norm_topk_prob false is not what this family does");
        if (!t.fields().integers("mlp_only_layers").isEmpty()) t.fields().issue("mlp_only_layers is not supported for this family");
        int interval = t.fields().integer("full_attention_interval", 4, 1, 1 << 20);
        List<String> fallback = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) fallback.add((i + 1) % interval == 0 ? "full_attention" : "linear_attention");
        List<String> types = t.layerTypes(fallback, "full_attention", "linear_attention");
        boolean folded = files.gguf() || mlxConvolution(files);
        NormSpec norm = t.norm(folded ? 0 : 1);
        MixerSpec full = attention(t, norm);
        MixerSpec linear = new MixerSpec.Named("gated_deltanet", linear(t));
        FeedForward ffn = config.modelType().contains("moe") ? experts(t) : t.gated(false);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            boolean attends = types.get(i).equals("full_attention");
            layers.add(new LayerSpec(i, attends ? "self_attn" : "linear_attn", attends ? full : linear, norm, null, ffn, norm, null,
                    Residual.PRE, 0, false));
        }
        return t.decoder("qwen3_5", ModelSpec.Embed.scaled(1, false), layers, norm, 0, Layout.CANONICAL);
    }

    private static MixerSpec attention(Translation t, NormSpec norm) {
        double partial = t.config().rope().partialRotaryFactor() == 1 && !t.fields().has("partial_rotary_factor")
                ? 0.25 : t.config().rope().partialRotaryFactor();
        RopeSpec rope = RopeScaling.partial(t.config().rope(), t.headDim(), partial, t.config().maxPositions());
        boolean bias = t.config().attentionBias();
        return new MixerSpec.Attention(t.heads(), t.kvHeads(), t.headDim(), t.scale(), bias, bias, norm, rope, 0,
                new AttentionOptions(false, true, 0, false, false, -1, false, 0));
    }

    private static MixerConfig linear(Translation t) {
        int keyHeads = t.fields().integer("linear_num_key_heads", 16, 1, 1 << 14);
        int valueHeads = t.fields().integer("linear_num_value_heads", 32, 1, 1 << 14);
        if (valueHeads % keyHeads != 0) {
            t.fields().issue("linear_num_value_heads " + valueHeads + " is not a multiple of linear_num_key_heads " + keyHeads);
        }
        return new MixerConfig(t.config().hidden(), valueHeads, keyHeads, t.fields().integer("linear_key_head_dim", 128, 1, 1 << 14),
                t.config().rmsNormEps(), null, Map.of(
                "value_head_dim", t.fields().integer("linear_value_head_dim", 128, 1, 1 << 14),
                "conv_kernel", t.fields().integer("linear_conv_kernel_dim", 4, 1, 64),
                "tiled_value_heads", t.files().gguf()));
    }

    private static FeedForward experts(Translation t) {
        int experts = t.experts(-1);
        return new FeedForward.Moe("mlp", RouterSpec.softmax(t.topK("num_experts_per_tok", 8, experts), true), experts,
                t.fields().integer("moe_intermediate_size", -1, 1, 1 << 22), t.function(),
                t.fields().integer("shared_expert_intermediate_size", -1, 1, 1 << 22), true);
    }

    /// MLX stores convolutions as (channels, kernel, 1), Hugging Face as (channels, 1, kernel).
    private static boolean mlxConvolution(TensorDirectory files) {
        return files.shapes().entrySet().stream().filter(entry -> entry.getKey().endsWith("linear_attn.conv1d.weight"))
                .map(Map.Entry::getValue).anyMatch(shape -> shape.length == 3 && shape[1] != 1 && shape[2] == 1);
    }
}
