// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.DensePlusMoe;
import dev.stoa.nn.FeedForwardBlock;
import dev.stoa.nn.GatedMlp;
import dev.stoa.nn.Linear;
import dev.stoa.nn.MoeBlock;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.Nonlinearity;
import dev.stoa.nn.Norms;
import dev.stoa.nn.PlainMlp;
import dev.stoa.nn.Router;
import dev.stoa.nn.mixer.GroupedAttention;
import dev.stoa.nn.mixer.Mixer;
import dev.stoa.nn.mixer.MixerBuildContext;
import dev.stoa.nn.mixer.MixerRegistry;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;

/// Puts the tensors of a model into the parts that compute with them.
final class LayerBuilder {
    private final Model model;

    LayerBuilder(Model model) {
        this.model = model;
    }

    /// A norm by module path, or null without a spec.
    Norms norm(String path, NormSpec spec) {
        return spec == null ? null : new Norms(spec, model.vector(path + ".weight"), model.vector(path + ".bias"));
    }

    Mixer mixer(LayerSpec layer) {
        return switch (layer.mixer()) {
            case MixerSpec.Attention a -> new GroupedAttention(a, new GroupedAttention.Weights(
                    model.linear(layer.mixerPath("q_proj")), model.findLinear(layer.mixerPath("k_proj")),
                    model.findLinear(layer.mixerPath("v_proj")), model.linear(layer.mixerPath("o_proj")),
                    model.vector(layer.mixerPath("q_norm.weight")), model.vector(layer.mixerPath("k_norm.weight")),
                    a.options().relativeBuckets() > 0 ? model.vector("relative_attention_bias.weight") : null));
            case MixerSpec.Named named -> MixerRegistry.installed().find(named.kind()).build(new MixerBuildContext(named.config(),
                    layer.index(), leaf -> model.findLinear(layer.mixerPath(leaf)), leaf -> model.vector(layer.mixerPath(leaf))));
        };
    }

    /// The feed-forward block, or null when the layer has none.
    FeedForwardBlock feedForward(LayerSpec layer) {
        return switch (layer.ffn()) {
            case FeedForward.Gated f -> gated(layer.path("mlp"), f.function());
            case FeedForward.Plain f -> new PlainMlp(model.linear(layer.path("mlp.up_proj")), model.linear(layer.path("mlp.down_proj")), f.function());
            case FeedForward.Moe moe -> experts(layer, moe);
            case FeedForward.DensePlusMoe both -> new DensePlusMoe(gated(layer.path("mlp"), both.dense().function()), experts(layer, both.moe()),
                    norm(layer.path("post_feedforward_layernorm_1"), both.norm()),
                    norm(layer.path("pre_feedforward_layernorm_2"), both.norm()),
                    norm(layer.path("post_feedforward_layernorm_2"), both.norm()));
            case FeedForward.None ignored -> null;
        };
    }

    private GatedMlp gated(String path, Nonlinearity function) {
        return new GatedMlp(model.linear(path + ".gate_proj"), model.linear(path + ".up_proj"), model.linear(path + ".down_proj"), function);
    }

    private MoeBlock experts(LayerSpec layer, FeedForward.Moe moe) {
        Router router = new Router(moe.router(), model.linear(layer.path(moe.routerPath())), layer.mixerNorm().eps(),
                model.vector(layer.path(moe.inside("e_score_correction_bias"))), model.vector(layer.path("router.scale")),
                model.vector(layer.path("router.per_expert_scale")));
        List<GatedMlp> experts = new ArrayList<>();
        for (int e = 0; e < moe.experts(); e++) experts.add(gated(layer.path(moe.expertPath(e)), moe.function()));
        GatedMlp shared = moe.sharedIntermediate() == 0 ? null : gated(layer.path(moe.inside("shared_expert")), moe.function());
        Linear gate = moe.sharedGate() ? model.linear(layer.path(moe.inside("shared_expert_gate"))) : null;
        return new MoeBlock(router, experts, shared, gate);
    }
}
