// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// One decoder layer: x += mixer(norm(x)); x += ffn(norm(x)).
public record LayerSpec(int index, MixerSpec mixer, NormSpec mixerNorm, FeedForward ffn, NormSpec ffnNorm) {
    /// Canonical path of a module in this layer, for example `layers.3.self_attn.q_proj`.
    public String path(String module) {
        return "layers." + index + "." + module;
    }
}
