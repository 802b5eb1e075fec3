// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.SegmentAttention;
import dev.stoa.tensor.Tensor;

/// out (T, heads * headDim) = causal attention of q over k, v (T, kvHeads * headDim) within each packed sample.
public final class Attend {
    private Attend() {}

    public static Value apply(Tape tape, Value q, Value k, Value v, int[] starts, SegmentAttention.Heads heads) {
        SegmentAttention attention = tape.compute().attention();
        Workspace workspace = tape.workspace();
        Tensor y = workspace.f32(q.data().shape());
        Tensor logSumExp = workspace.f32(q.data().rows(), heads.heads());
        attention.attend(q.data(), k.data(), v.data(), starts, heads, y, logSumExp);
        Value out = tape.value(y, q.wanted() || k.wanted() || v.wanted());
        tape.record(out, () -> {
            Tensor dq = workspace.f32(q.data().shape()), dk = workspace.f32(k.data().shape()), dv = workspace.f32(v.data().shape());
            attention.backward(q.data(), k.data(), v.data(), starts, heads, y, logSumExp, out.gradient(), dq, dk, dv);
            contribute(tape, q, dq);
            contribute(tape, k, dk);
            contribute(tape, v, dv);
        });
        return out;
    }

    private static void contribute(Tape tape, Value x, Tensor gradient) {
        if (x.wanted()) x.adopt(gradient, tape);
        else tape.workspace().give(gradient);
    }
}
