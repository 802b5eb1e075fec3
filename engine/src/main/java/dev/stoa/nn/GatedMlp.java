// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.tensor.Tensor;

/// y = down(f(gate(x)) * up(x)), Shazeer 2002.05202.
public record GatedMlp(Linear gate, Linear up, Linear down, Nonlinearity function) implements FeedForwardBlock {
    private static final int GATE = 0;
    private static final int UP = 1;

    @Override
    public int[] widths() {
        return new int[] {gate.outputs(), up.outputs()};
    }

    @Override
    public void run(FeedForwardCall call) {
        run(call, call.x(), call.y(), call.accumulate(), null);
    }

    /// The block on rows of its own; `rows` as in [Projections#apply].
    void run(FeedForwardCall call, Tensor x, Tensor y, boolean accumulate, int[] rows) {
        Tensor gated = call.buffers().at(GATE, x.rows(), gate.outputs());
        Tensor upper = call.buffers().at(UP, x.rows(), up.outputs());
        call.projections().applyAll(new Linear[] {gate, up}, x, new Tensor[] {gated, upper}, rows);
        function.gated(call.kernels(), gated, upper);
        call.projections().apply(down, gated, y, accumulate, rows);
    }
}
