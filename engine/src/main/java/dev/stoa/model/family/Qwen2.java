// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.LayerSpec;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Qwen2 and Qwen2.5: as Llama, with biases on the query, key and value projections only, and an optional sliding window
/// from layer `max_window_layers` on.
final class Qwen2 implements Family {
    @Override
    public ModelSpec translate(ModelConfig config, TensorDirectory files) {
        Translation t = Translation.of(config, files, 0);
        t.expectAct("silu");
        List<String> types = windowed(t);
        NormSpec norm = t.norm(0);
        RopeSpec rope = t.rope();
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            int window = types.get(i).equals("sliding_attention") ? config.slidingWindow() : 0;
            MixerSpec mixer = new MixerSpec.Attention(t.heads(), t.kvHeads(), t.headDim(), t.scale(), true, false, null, rope, window);
            layers.add(new LayerSpec(i, mixer, norm, t.gated(false), norm));
        }
        return t.decoder("qwen2", layers, norm);
    }

    /// Types of all layers of a Qwen model: listed, or sliding from `max_window_layers` on if windows are switched on.
    static List<String> windowed(Translation t) {
        ModelConfig config = t.config();
        boolean windowed = config.useSlidingWindow() && config.slidingWindow() > 0;
        List<String> fallback = new ArrayList<>(Collections.nCopies(config.layers(), "full_attention"));
        for (int i = config.maxWindowLayers(); windowed && i < config.layers(); i++) fallback.set(i, "sliding_attention");
        List<String> types = t.layerTypes(fallback, "full_attention", "sliding_attention");
        if (!windowed && types.contains("sliding_attention")) {
            t.fields().issue("layer_types has sliding_attention without use_sliding_window and sliding_window");
        }
        return types;
    }
}
