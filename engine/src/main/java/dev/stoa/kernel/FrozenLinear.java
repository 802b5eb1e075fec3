// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Products of a training step with frozen weights in any format of `quant` and their low-rank updates, forward and
/// backward. A weight stays where it lies and is decoded tile by tile; nothing of its size is ever allocated.
///
/// All tensors but the weight are F32 in native memory. The result does not depend on the number of threads.
public interface FrozenLinear {
    /// What the factors of a product are rounded to; sums are F32 always.
    enum Precision {
        /// Factors as they are.
        F32,
        /// The nearest bfloat16, ties to even, subnormal numbers to 0.
        BF16
    }

    /// dW = scale * b a with a (R, K) and b (N, R) (LoRA, Hu et al., 2106.09685).
    record Update(Tensor a, Tensor b, float scale) {
        public int rank() {
            return a.rows();
        }
    }

    /// Instruction set and precision, for example `amx bf16`; part of every identity that promises equal bits.
    String id();

    /// Repeats the innermost instruction on registers `rounds` times on every thread and answers how many multiplications that
    /// were, all together: what products could reach at most. 0 where there is no such limit to compare with.
    long spin(int rounds);

    /// y (T, N) = or += (`accumulate`) x (T, K) Wt + u (scale B)t, where u (T, R) = x At is stored for [#backward].
    /// Without an update (null) u is null, too.
    void forward(Tensor x, Tensor w, Update update, Tensor u, Tensor y, boolean accumulate);

    /// For g = dy (T, N) and v = g (scale B): dx (T, K) = or += (`accumulate`) g W + v A; dA (R, K) += vt x;
    /// dB (N, R) += gt (scale u). dx may be null; without an update u, dA and dB are null, and x may be.
    void backward(Tensor g, Tensor x, Tensor w, Update update, Tensor u, Tensor dx, boolean accumulate, Tensor dA, Tensor dB);
}
