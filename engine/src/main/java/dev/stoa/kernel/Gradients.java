// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Backward passes of the elementwise layers, loss rows, and row movements; all F32.
///
/// Sums over rows run in index order in blocks of [#BLOCK], whatever the number of threads, so gradients are
/// bit-identical for any of them.
public interface Gradients {
    int BLOCK = 256;

    /// Norm of [Norm#rms]: dx (T, H) = or += (`accumulate`) r * g - x * r^3 * mean(g * x) with g = dy * (weight + offset)
    /// and r = rsqrt(mean(x^2) + eps); dWeight (H) += sum over rows of dy * x * r. weight, dx and dWeight may be null.
    /// `inverse` (T) is scratch for r.
    void rms(Tensor x, Tensor weight, float eps, float offset, Tensor dy, Tensor dx, boolean accumulate, Tensor dWeight,
            Tensor inverse);

    /// y = silu(gate) * up: overwrites dGate and dUp; they may be the tensors gate and up.
    void swiglu(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp);

    /// Loss of each row of logits (R, V): nll[i] = -log softmax(logits)[targets[i]] and, with base logits,
    /// kl[i] = KL(softmax(base) || softmax(logits)); best[i] is the index of the largest logit (lowest on ties).
    /// With `gradient`, logits become hard[i] * (p - onehot) + soft[i] * (p - q). base may be null when soft is all 0.
    void lossRows(Tensor logits, Tensor base, int[] targets, float[] hard, float[] soft, boolean gradient, double[] nll,
            double[] kl, int[] best);

    /// out (N) += sum over rows of x (T, N).
    void columnSums(Tensor x, Tensor out);

    /// y (T, N) += row (N).
    void addRow(Tensor row, Tensor y);

    /// out (R, H) = scale * table[rows[i]].
    void gather(Tensor table, int[] rows, float scale, Tensor out);

    /// table[rows[i]] += scale * x[i] (R, H), in order of i.
    void scatterAdd(Tensor x, int[] rows, float scale, Tensor table);
}
