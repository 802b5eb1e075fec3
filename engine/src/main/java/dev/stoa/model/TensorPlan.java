// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RouterSpec;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerRegistry;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.nn.mixer.MixerTensor;
import java.util.ArrayList;
import java.util.List;

/// Which tensors a model needs, with their roles and shapes.
public final class TensorPlan {
    /// Longest alias first; the first that matches is stripped.
    private static final List<String> PREFIXES =
            List.of("model.language_model.", "language_model.model.", "language_model.", "model.");

    /// What a tensor is used as: an input table, a linear layer's matrix, or small values wanted as F32 (norm weights,
    /// biases, scales).
    public enum Role { EMBEDDING, LINEAR, VECTOR }

    /// One expected tensor under its canonical name.
    public record Binding(String name, Role role, long[] shape) {}

    private final ModelSpec spec;
    private final List<Binding> plan = new ArrayList<>();

    private TensorPlan(ModelSpec spec) {
        this.spec = spec;
    }

    /// The name without the prefix under which a file nests the text model.
    public static String stripped(String name) {
        for (String prefix : PREFIXES) if (name.startsWith(prefix)) return name.substring(prefix.length());
        return name;
    }

    /// All tensors of a model, in layer order.
    public static List<Binding> of(ModelSpec spec) {
        TensorPlan plan = new TensorPlan(spec);
        plan.embed();
        for (LayerSpec layer : spec.layers()) plan.layer(layer);
        if (spec.finalNorm() != null) plan.norm("norm", spec.finalNorm(), spec.hidden());
        if (spec.head() != null && !spec.tiedHead()) plan.linear("lm_head", spec.vocab(), spec.hidden(), false);
        return plan.plan;
    }

    private void embed() {
        ModelSpec.Embed embed = spec.embed();
        plan.add(new Binding("embed_tokens.weight", Role.EMBEDDING, new long[] {spec.vocab(), spec.hidden()}));
        if (embed.positions() > 0) values("embed_positions.weight", embed.positions(), spec.hidden());
        if (embed.tokenTypes() > 0) values("embed_token_types.weight", embed.tokenTypes(), spec.hidden());
        if (embed.norm() != null) norm("embed_norm", embed.norm(), spec.hidden());
        int width = spec.perLayerInput();
        if (width == 0) return;
        long all = (long) spec.layers().size() * width;
        plan.add(new Binding("embed_tokens_per_layer.weight", Role.EMBEDDING, new long[] {embed.perLayerVocab(), all}));
        linear("per_layer_model_projection", all, spec.hidden(), false);
        values("per_layer_projection_norm.weight", width);
    }

    private void layer(LayerSpec layer) {
        int hidden = spec.hidden();
        norm(layer.mixerNormPath(), layer.mixerNorm(), hidden);
        switch (layer.mixer()) {
            case MixerSpec.Attention attention -> attention(layer, attention);
            case MixerSpec.Named named -> {
                for (MixerTensor tensor : MixerRegistry.installed().find(named.kind()).tensors(named.config())) {
                    String path = layer.mixerPath(tensor.leaf());
                    if (tensor.linear()) linear(path, tensor.shape()[0], tensor.shape()[1], tensor.bias());
                    else values(path, tensor.shape());
                }
            }
        }
        if (layer.mixerPostNorm() != null) norm(layer.mixerPostNormPath(), layer.mixerPostNorm(), hidden);
        if (!(layer.ffn() instanceof FeedForward.None)) norm(layer.ffnNormPath(), layer.ffnNorm(), hidden);
        feedForward(layer, layer.ffn());
        if (layer.ffnPostNorm() != null) norm(layer.ffnPostNormPath(), layer.ffnPostNorm(), hidden);
        if (layer.perLayerInput() > 0) {
            linear(layer.path("per_layer_input_gate"), layer.perLayerInput(), hidden, false);
            linear(layer.path("per_layer_projection"), hidden, layer.perLayerInput(), false);
            values(layer.path("post_per_layer_input_norm.weight"), hidden);
        }
        if (layer.outputScale()) values(layer.path("layer_scalar"), 1);
    }

    private void attention(LayerSpec layer, MixerSpec.Attention a) {
        AttentionOptions options = a.options();
        int queries = a.heads() * a.headDim();
        int keys = a.kvHeads() * a.headDim();
        boolean own = options.sharedLayer() < 0;
        linear(layer.mixerPath("q_proj"), options.outputGate() ? 2L * queries : queries, spec.hidden(), a.inputBias());
        if (own) linear(layer.mixerPath("k_proj"), keys, spec.hidden(), a.inputBias());
        if (own && !options.keysAreValues()) linear(layer.mixerPath("v_proj"), keys, spec.hidden(), a.inputBias());
        linear(layer.mixerPath("o_proj"), spec.hidden(), queries, a.outputBias());
        if (a.queryKeyNorm() != null) {
            values(layer.mixerPath("q_norm.weight"), options.wholeWidthNorm() ? queries : a.headDim());
            if (own) values(layer.mixerPath("k_norm.weight"), options.wholeWidthNorm() ? keys : a.headDim());
        }
        if (options.relativeBuckets() > 0 && layer.index() == 0) values("relative_attention_bias.weight", options.relativeBuckets(), a.heads());
    }

    private void feedForward(LayerSpec layer, FeedForward ffn) {
        int hidden = spec.hidden();
        switch (ffn) {
            case FeedForward.Gated f -> gated(layer.path("mlp"), f.intermediate(), f.bias());
            case FeedForward.Plain f -> {
                linear(layer.path("mlp.up_proj"), f.intermediate(), hidden, true);
                linear(layer.path("mlp.down_proj"), hidden, f.intermediate(), true);
            }
            case FeedForward.Moe moe -> experts(layer, moe);
            case FeedForward.DensePlusMoe both -> {
                gated(layer.path("mlp"), both.dense().intermediate(), both.dense().bias());
                experts(layer, both.moe());
                norm(layer.path("post_feedforward_layernorm_1"), both.norm(), hidden);
                norm(layer.path("post_feedforward_layernorm_2"), both.norm(), hidden);
                norm(layer.path("pre_feedforward_layernorm_2"), both.norm(), hidden);
            }
            case FeedForward.None ignored -> { }
        }
    }

    private void experts(LayerSpec layer, FeedForward.Moe moe) {
        RouterSpec router = moe.router();
        linear(layer.path(moe.routerPath()), moe.experts(), spec.hidden(), false);
        if (router.selectionBias()) values(layer.path(moe.inside("e_score_correction_bias")), moe.experts());
        if (router.ownInput()) values(layer.path("router.scale"), spec.hidden());
        if (router.perExpertScale()) values(layer.path("router.per_expert_scale"), moe.experts());
        for (int e = 0; e < moe.experts(); e++) gated(layer.path(moe.expertPath(e)), moe.intermediate(), false);
        if (moe.sharedIntermediate() > 0) gated(layer.path(moe.inside("shared_expert")), moe.sharedIntermediate(), false);
        if (moe.sharedGate()) linear(layer.path(moe.inside("shared_expert_gate")), 1, spec.hidden(), false);
    }

    private void gated(String path, int intermediate, boolean bias) {
        linear(path + ".gate_proj", intermediate, spec.hidden(), bias);
        linear(path + ".up_proj", intermediate, spec.hidden(), bias);
        linear(path + ".down_proj", spec.hidden(), intermediate, bias);
    }

    private void linear(String path, long outputs, long inputs, boolean bias) {
        plan.add(new Binding(path + ".weight", Role.LINEAR, new long[] {outputs, inputs}));
        if (bias) values(path + ".bias", outputs);
    }

    private void norm(String path, NormSpec norm, long size) {
        values(path + ".weight", size);
        if (norm.kind() == NormSpec.Kind.LAYER) values(path + ".bias", size);
    }

    private void values(String name, long... shape) {
        plan.add(new Binding(name, Role.VECTOR, shape));
    }
}
