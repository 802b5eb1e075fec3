// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.nn.Linear;
import dev.stoa.tensor.Tensor;
import java.util.function.Function;

/// What a mixer is built from: its config and, by leaf name, the tensors of its layer. How these are quantized is
/// hidden behind [Linear].
public record MixerBuildContext(
        MixerConfig config, int layer, Function<String, Linear> linears, Function<String, Tensor> values) {
    /// The linear layer `leaf`.
    public Linear linear(String leaf) {
        return required(linears.apply(leaf), leaf);
    }

    /// The small tensor `leaf` (`A_log`, `norm.weight`) as F32.
    public Tensor weight(String leaf) {
        return required(values.apply(leaf), leaf);
    }

    /// As [#weight], or null when the model has none.
    public Tensor optional(String leaf) {
        return values.apply(leaf);
    }

    private <T> T required(T found, String leaf) {
        Fault.require(found != null, EngineFault.TENSOR_MISMATCH, "layer %s has no tensor %s", layer, leaf);
        return found;
    }
}
