// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.tensor.Tensor;

/// A dense block and experts side by side (Gemma 4): y = post1(mlp(x)) + post2(experts(pre2(residual))); the router reads
/// the residual itself.
public record DensePlusMoe(GatedMlp dense, MoeBlock moe, Norms denseNorm, Norms moeInput, Norms moeNorm) implements FeedForwardBlock {
    private static final int DENSE = 8;
    private static final int INPUT = 9;
    private static final int MIXED = 10;

    @Override
    public int[] widths() {
        int hidden = dense.gate().inputs();
        int[] own = {0, 0, 0, 0, 0, 0, 0, 0, hidden, hidden, hidden};
        return Buffers.widest(java.util.List.of(own, dense.widths(), moe.widths()));
    }

    @Override
    public void run(FeedForwardCall call) {
        int rows = call.x().rows();
        int hidden = call.x().cols();
        Tensor first = call.buffers().at(DENSE, rows, hidden);
        dense.run(call, call.x(), first, false, null);
        denseNorm.apply(call.kernels(), first, first);
        Tensor input = call.buffers().at(INPUT, rows, hidden);
        moeInput.apply(call.kernels(), call.residual(), input);
        Tensor second = call.buffers().at(MIXED, rows, hidden);
        moe.run(new FeedForwardCall(input, call.residual(), second, false, call.projections(), call.buffers(), call.kernels()));
        moeNorm.apply(call.kernels(), second, second);
        call.kernels().activation().axpy(1, second, first);
        if (call.accumulate()) call.kernels().activation().axpy(1, first, call.y());
        else call.y().data().copyFrom(first.data());
    }
}
