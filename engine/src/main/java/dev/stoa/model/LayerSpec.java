// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.NormSpec;
import dev.stoa.nn.mixer.MixerSpec;

/// One layer. PRE: x += post?(mixer(norm(x))); x += post?(ffn(norm(x))), then the per-layer input, then the scale.
/// POST (encoders): x = norm(x + mixer(x)); x = norm(x + ffn(x)).
///
/// @param mixerPath module that holds the mixer's tensors, relative to the layer
/// @param mixerPostNorm norm of the mixer's output before it is added, or null
/// @param ffnPostNorm norm of the feed-forward's output before it is added, or null
/// @param perLayerInput width of this layer's share of the per-layer input, 0 for none (Gemma 4)
/// @param outputScale whether the layer ends with a learned factor `layer_scalar`
public record LayerSpec(
        int index,
        String mixerPath,
        MixerSpec mixer,
        NormSpec mixerNorm,
        NormSpec mixerPostNorm,
        FeedForward ffn,
        NormSpec ffnNorm,
        NormSpec ffnPostNorm,
        Residual residual,
        int perLayerInput,
        boolean outputScale) {
    /// Where the norms stand.
    public enum Residual { PRE, POST }

    /// The common layer: attention under `self_attn`, two norms, nothing after them.
    public LayerSpec(int index, MixerSpec mixer, NormSpec mixerNorm, FeedForward ffn, NormSpec ffnNorm) {
        this(index, "self_attn", mixer, mixerNorm, null, ffn, ffnNorm, null, Residual.PRE, 0, false);
    }

    /// Canonical path of a module in this layer, for example `layers.3.self_attn.q_proj`.
    public String path(String module) {
        return "layers." + index + "." + module;
    }

    /// Canonical path of a tensor or module of the mixer.
    public String mixerPath(String leaf) {
        return path(mixerPath.isEmpty() ? leaf : mixerPath + "." + leaf);
    }

    /// Module of the norm before the mixer, or after the sum for POST.
    public String mixerNormPath() {
        return path(residual == Residual.POST ? "post_attention_layernorm" : "input_layernorm");
    }

    public String mixerPostNormPath() {
        return path("post_attention_layernorm");
    }

    /// Module of the norm before the feed-forward: with a norm after the mixer, that one has the usual name.
    public String ffnNormPath() {
        if (residual == Residual.POST) return path("post_feedforward_layernorm");
        return path(mixerPostNorm == null ? "post_attention_layernorm" : "pre_feedforward_layernorm");
    }

    public String ffnPostNormPath() {
        return path("post_feedforward_layernorm");
    }
}
