// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Causal grouped-query attention over packed samples, forward and backward, for training.
///
/// Rows of several samples lie one after another; sample i is rows [starts[i], starts[i + 1]) and sees only itself.
/// Forward keeps one log-sum-exp per row and head, backward recomputes the probabilities from it, so memory is
/// O(T * d) (Dao, 2307.08691). The result does not depend on the number of threads.
public interface SegmentAttention {
    /// Head layout: q has heads * headDim columns, k and v have kvHeads * headDim; query head h reads key head
    /// h * kvHeads / heads. `window` 0 shows all earlier rows, else the last `window` rows including the own one.
    record Heads(int heads, int kvHeads, int headDim, float scale, int window) {
        public Heads {
            if (kvHeads < 1 || heads % kvHeads != 0 || headDim < 1 || window < 0) {
                throw new IllegalArgumentException(heads + " heads over " + kvHeads + " of " + headDim + ", window " + window);
            }
        }

        /// First visible row of `row` in a sample that starts at `start`.
        public int first(int start, int row) {
            return window == 0 ? start : Math.max(start, row - window + 1);
        }
    }

    /// out (T, heads * headDim) = softmax(scale * q kT, causal within samples) v;
    /// logSumExp (T, heads) of the scaled scores is kept for the backward pass.
    void attend(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp);

    /// Overwrites dq, dk, dv with the gradients for dOut (T, heads * headDim).
    void backward(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp, Tensor dOut,
            Tensor dq, Tensor dk, Tensor dv);
}
