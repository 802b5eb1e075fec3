// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.tensor.Tensor;

/// y (T, F) = silu(gate) * up (Shazeer, 2002.05202).
public final class SwiGlu {
    private SwiGlu() {}

    public static Value apply(Tape tape, Value gate, Value up) {
        Workspace workspace = tape.workspace();
        Tensor y = workspace.f32(gate.data().shape());
        tape.kernels().activation().swiglu(gate.data(), up.data(), y);
        Value out = tape.value(y, gate.wanted() || up.wanted());
        tape.record(out, () -> {
            Tensor dGate = workspace.f32(y.shape()), dUp = workspace.f32(y.shape());
            tape.kernels().gradients().swiglu(gate.data(), up.data(), out.gradient(), dGate, dUp);
            gate.adopt(dGate, tape);
            up.adopt(dUp, tape);
        });
        return out;
    }
}
