// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

/// One tensor a mixer needs: `leaf` without prefix and, for linear layers, without `.weight`.
public record MixerTensor(String leaf, boolean linear, boolean bias, long... shape) {
    public MixerTensor {
        shape = shape.clone();
    }

    /// A linear layer (outputs, inputs), which adapters may change.
    public static MixerTensor linear(String leaf, long outputs, long inputs) {
        return new MixerTensor(leaf, true, false, outputs, inputs);
    }

    /// A small tensor, wanted as F32.
    public static MixerTensor values(String leaf, long... shape) {
        return new MixerTensor(leaf, false, false, shape);
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }
}
