// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.model.LayerSpec.Residual;
import dev.stoa.model.ModelSpec;
import dev.stoa.nn.Nonlinearity;
import dev.stoa.nn.RopeSpec.Pairing;
import dev.stoa.nn.mixer.AttentionOptions;
import dev.stoa.nn.mixer.MixerSpec;
import java.util.ArrayList;
import java.util.List;

/// Which models the training forward pass can run: those whose every part has a backward pass here. All others are refused
/// with everything that stands in the way, never trained on something else than they are.
public final class Trainable {
    private Trainable() {}

    /// The spec itself, when all of it can be trained.
    public static ModelSpec check(ModelSpec spec) {
        List<String> issues = new ArrayList<>();
        if (spec.head() == null) issues.add("the model has no output matrix");
        else if (spec.head().softcap() != 0) issues.add("logits are capped");
        if (spec.embed().rounded()) issues.add("the embedding scale depends on the table's type");
        for (LayerSpec layer : spec.layers()) layer(layer, issues);
        if (issues.isEmpty()) return spec;
        throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "training does not support this architecture yet")
                .where("model_type " + spec.modelType()).issues(issues).exception();
    }

    private static void layer(LayerSpec layer, List<String> issues) {
        String name = "layer " + layer.index();
        boolean plainMixer = layer.mixer() instanceof MixerSpec.Attention a && a.options().equals(AttentionOptions.PLAIN)
                && a.rope() != null && a.rope().pairing() == Pairing.HALF;
        if (!plainMixer) issues.add(name + " has a mixer without a backward pass");
        boolean plainBlock = layer.ffn() instanceof FeedForward.Gated f && f.function() == Nonlinearity.SILU;
        if (!plainBlock) issues.add(name + " has a feed-forward block without a backward pass");
        boolean plainFrame = layer.residual() == Residual.PRE && layer.mixerPostNorm() == null && layer.ffnPostNorm() == null
                && layer.perLayerInput() == 0 && !layer.outputScale();
        if (!plainFrame) issues.add(name + " has norms or inputs that training does not know");
    }

    /// The attention of a layer that [#check] has accepted.
    public static MixerSpec.Attention attention(LayerSpec layer) {
        return (MixerSpec.Attention) layer.mixer();
    }
}
