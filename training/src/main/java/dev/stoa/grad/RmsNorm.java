// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.nn.NormSpec;
import dev.stoa.tensor.Tensor;

/// y = x * rsqrt(mean(x^2) + eps) * (w + offset) over groups of `w` (H) columns: whole rows, or heads within a row.
public final class RmsNorm {
    private RmsNorm() {}

    public static Value apply(Tape tape, Value x, Parameter weight, NormSpec spec) {
        int width = weight.value().cols();
        Tensor y = tape.workspace().f32(x.data().shape());
        tape.kernels().norm().rms(grouped(x.data(), width), weight.value(), spec.eps(), spec.weightOffset(), grouped(y, width));
        Value out = tape.value(y, x.wanted() || tape.trains(weight));
        tape.record(out, () -> {
            boolean add = x.gradient() != null;
            Tensor dx = x.wanted() ? grouped(x.into(tape.workspace()), width) : null;
            Tensor inverse = tape.workspace().f32(x.data().elements() / width);
            tape.kernels().gradients().rms(grouped(x.data(), width), weight.value(), spec.eps(), spec.weightOffset(),
                    grouped(out.gradient(), width), dx, add, tape.trains(weight) ? weight.gradient() : null, inverse);
            tape.workspace().give(inverse);
        });
        return out;
    }

    private static Tensor grouped(Tensor x, int width) {
        return x.view(x.elements() / width, width);
    }
}
