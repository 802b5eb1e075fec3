// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.tensor.Tensor;

/// y = down(f(up(x))), as encoders have it.
public record PlainMlp(Linear up, Linear down, Nonlinearity function) implements FeedForwardBlock {
    @Override
    public int[] widths() {
        return new int[] {up.outputs()};
    }

    @Override
    public void run(FeedForwardCall call) {
        Tensor inner = call.buffers().at(0, call.x().rows(), up.outputs());
        call.projections().apply(up, call.x(), inner, false);
        function.plain(call.kernels(), inner);
        call.projections().apply(down, inner, call.y(), call.accumulate());
    }
}
