// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.tensor.Tensor;

/// One intermediate result on the tape, with its gradient once some later operation has contributed to it.
///
/// A value that is not `wanted` leads to no trainable parameter: operations skip its gradient, so everything below the
/// lowest adapted layer is computed forward only.
public final class Value {
    private final Tensor data;
    private final boolean wanted;
    private Tensor gradient;

    Value(Tensor data, boolean wanted) {
        this.data = data;
        this.wanted = wanted;
    }

    public Tensor data() {
        return data;
    }

    public boolean wanted() {
        return wanted;
    }

    /// The gradient so far, or null when nothing has contributed yet.
    public Tensor gradient() {
        return gradient;
    }

    /// 0 before the first contribution (the buffer holds nothing yet), 1 after: the beta of a product into [#into].
    float beta() {
        return gradient == null ? 0 : 1;
    }

    /// The buffer to write or add the next contribution to.
    Tensor into(Workspace workspace) {
        if (gradient == null) gradient = workspace.f32(data.shape());
        return gradient;
    }

    /// Hands the gradient over; this value has none afterwards.
    Tensor take() {
        Tensor taken = gradient;
        gradient = null;
        return taken;
    }

    /// Contributes a whole buffer: keeps it as the gradient if there is none, adds it otherwise and returns it.
    void adopt(Tensor contribution, Tape tape) {
        if (gradient == null) {
            gradient = contribution;
        } else {
            tape.kernels().activation().axpy(1, contribution, gradient);
            tape.workspace().give(contribution);
        }
    }
}
