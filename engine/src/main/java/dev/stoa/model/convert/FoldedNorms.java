// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.HashMap;
import java.util.Map;

/// The offset of every norm's weight in a layout (y is scaled by w + offset): where two layouts differ, the difference is
/// added to the weights.
final class FoldedNorms {
    private final Map<String, Float> offsets = new HashMap<>();

    private FoldedNorms() {}

    /// Canonical name of a norm's weight -> offset; tensors that are not among them have none.
    static Map<String, Float> of(ModelSpec spec) {
        FoldedNorms norms = new FoldedNorms();
        norms.put("norm", spec.finalNorm());
        norms.put("embed_norm", spec.embed().norm());
        for (LayerSpec layer : spec.layers()) {
            norms.put(layer.mixerNormPath(), layer.mixerNorm());
            if (layer.mixerPostNorm() != null) norms.put(layer.mixerPostNormPath(), layer.mixerPostNorm());
            if (!(layer.ffn() instanceof FeedForward.None)) norms.put(layer.ffnNormPath(), layer.ffnNorm());
            if (layer.ffnPostNorm() != null) norms.put(layer.ffnPostNormPath(), layer.ffnPostNorm());
            if (layer.mixer() instanceof MixerSpec.Attention a) {
                norms.put(layer.mixerPath("q_norm"), a.queryKeyNorm());
                norms.put(layer.mixerPath("k_norm"), a.queryKeyNorm());
            }
            if (layer.ffn() instanceof FeedForward.DensePlusMoe both) {
                for (String name : new String[] {"post_feedforward_layernorm_1", "post_feedforward_layernorm_2", "pre_feedforward_layernorm_2"}) {
                    norms.put(layer.path(name), both.norm());
                }
            }
        }
        return norms.offsets;
    }

    private void put(String path, NormSpec norm) {
        if (norm != null) offsets.put(path + ".weight", norm.weightOffset());
    }
}
