// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.ConfigFields;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.Layout;
import dev.stoa.model.Layout.Rename;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.RouterSpec;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// MiniMax-M2: query and key norms over the whole projected width, partly rotated heads, and experts in every layer, chosen
/// by sigmoid scores plus a bias that is used for the choice alone.
final class MiniMaxM2 implements Family {
    private static final int CONTEXT_CAP = 32_768;
    private static final double EPSILON = 1e-20;
    private static final Layout LAYOUT = Layout.renamed(List.of(
            new Rename("\\.block_sparse_moe\\.", ".mlp."), new Rename("\\.experts\\.(\\d+)\\.w1\\.", ".experts.$1.gate_proj."),
            new Rename("\\.experts\\.(\\d+)\\.w3\\.", ".experts.$1.up_proj."), new Rename("\\.experts\\.(\\d+)\\.w2\\.", ".experts.$1.down_proj."),
            new Rename("\\.mlp\\.gate\\.e_score_correction_bias", ".mlp.e_score_correction_bias")));

    @Override
    public Set<String> keys() {
        return Set.of("num_local_experts", "num_experts", "num_experts_per_tok", "rotary_dim", "partial_rotary_factor", "scoring_func",
                "use_qk_norm", "qk_norm_type", "use_routing_bias", "shared_intermediate_size", "num_mtp_modules", "use_mtp",
                "mtp_transformer_layers", "attn_type_list", "max_model_len", "layernorm_full_attention_beta", "layernorm_linear_attention_beta",
                "layernorm_mlp_beta", "postnorm");
    }

    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, 128);
        t.expectAct("silu");
        t.layerTypes(List.of(), "full_attention");
        check(t.fields());
        int experts = t.experts(-1);
        RouterSpec router = new RouterSpec(RouterSpec.Scoring.SIGMOID, t.topK("num_experts_per_tok", 8, experts), true, EPSILON,
                t.fields().flag("use_routing_bias", true), false, false);
        if (config.intermediate() == 0) t.fields().issue("intermediate_size is missing");
        FeedForward.Moe moe = new FeedForward.Moe("mlp", router, experts, config.intermediate(), t.function(), 0, false);
        NormSpec norm = t.norm(0);
        double partial = t.fields().has("rotary_dim")
                ? (double) t.fields().integer("rotary_dim", 0, 2, t.headDim()) / t.headDim() : config.rope().partialRotaryFactor();
        RopeSpec rope = RopeScaling.partial(config.rope(), t.headDim(), partial, config.maxPositions());
        AttentionOptions options = new AttentionOptions(true, false, 0, false, false, -1, false, 0);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            MixerSpec mixer = new MixerSpec.Attention(t.heads(), t.kvHeads(), t.headDim(), t.scale(), config.attentionBias(),
                    config.attentionBias(), norm, rope, 0, options);
            layers.add(new LayerSpec(i, mixer, norm, moe, norm));
        }
        ModelSpec spec = t.decoder("minimax_m2", ModelSpec.Embed.scaled(1, false), layers, norm, 0, LAYOUT);
        return new ModelSpec(spec.family(), spec.modelType(), spec.vocab(), spec.hidden(), Math.min(spec.maxContext(), CONTEXT_CAP),
                spec.embed(), spec.layers(), spec.finalNorm(), spec.head(), spec.layout(), spec.eosIds());
    }

    /// Switches of the published configs that would mean another architecture.
    private static void check(ConfigFields fields) {
        if (!fields.text("scoring_func", "sigmoid").equals("sigmoid")) fields.issue("scoring_func is not sigmoid");
        if (!fields.flag("use_qk_norm", true)) fields.issue("use_qk_norm false is not supported");
        if (!fields.text("qk_norm_type", "per_layer").equals("per_layer")) fields.issue("qk_norm_type is not per_layer");
        if (fields.integer("shared_intermediate_size", 0, 0, 1 << 22) != 0) fields.issue("shared experts are not supported for this family");
        if (fields.integers("attn_type_list").stream().anyMatch(type -> type != 1)) fields.issue("attn_type_list has a type other than 1");
        if (fields.flag("postnorm", false)) fields.issue("postnorm is not supported");
    }
}
