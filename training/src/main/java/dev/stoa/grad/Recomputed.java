// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// A part of the network whose intermediate results are not kept: y = part(x) is computed again on the way back (Chen et al.,
/// 1604.06174). The same operations in the same order, so the same bits.
final class Recomputed {
    private Recomputed() {}

    @FunctionalInterface
    interface Part {
        Value apply(Tape tape, Value x);
    }

    /// Everything inside lies in `scratch`, which each use takes over whole.
    static Value apply(Tape tape, Workspace scratch, Value x, Part part) {
        scratch.reset();
        Value inside = part.apply(tape.inside(scratch), tape.value(x.data(), x.wanted()));
        Value out = tape.value(copy(inside.data(), tape.workspace()), inside.wanted());
        tape.record(out, () -> {
            scratch.reset();
            Tape own = tape.inside(scratch);
            Value in = own.value(x.data(), x.wanted());
            Value again = part.apply(own, in);
            again.adopt(copy(out.gradient(), scratch), own);
            own.backward();
            if (x.wanted() && in.gradient() != null) x.adopt(copy(in.take(), tape.workspace()), tape);
        });
        return out;
    }

    private static Tensor copy(Tensor from, Workspace to) {
        Tensor copy = to.f32(from.shape());
        MemorySegment.copy(from.data(), 0, copy.data(), 0, from.bytes());
        return copy;
    }
}
