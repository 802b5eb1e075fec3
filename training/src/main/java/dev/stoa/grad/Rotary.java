// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.Rope;
import dev.stoa.nn.RopeSpec;

/// Rotates x (T, heads * headDim) in place by its positions; the gradient is rotated back by the same angles.
public final class Rotary {
    private Rotary() {}

    /// The returned value shares its memory with `x`, whose producer must not need its own output any more.
    public static Value apply(Tape tape, Value x, int[] positions, int headDim, RopeSpec spec) {
        Rope rope = tape.kernels().rope();
        int heads = x.data().cols() / headDim;
        double[] frequencies = spec.inverseFrequencies();
        rope.rotate(x.data(), heads, headDim, positions, frequencies, spec.magnitude(), 1);
        Value out = tape.value(x.data(), x.wanted());
        tape.record(out, () -> {
            rope.rotate(out.gradient(), heads, headDim, positions, frequencies, spec.magnitude(), -1);
            x.adopt(out.take(), tape);
        });
        return out;
    }
}
