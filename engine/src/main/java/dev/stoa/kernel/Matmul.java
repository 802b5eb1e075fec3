// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;

/// Matrix products. Activations and results are F32; frozen weights may have any format of `quant`.
public interface Matmul {
    /// Prepares a frozen weight w (N, K) of any supported dtype for [#multiply]; memory comes from `scope`
    /// where the provider repacks, none where it reads `w` in place as [#map] does.
    PackedWeight pack(Tensor w, Scope scope);

    /// A frozen weight w (N, K) of any supported dtype that stays where it lies: no memory is taken, and every use decodes
    /// its rows. For weights too large to be copied, and for formats without a layout of the provider's own.
    PackedWeight map(Tensor w);

    /// As [#pack], for inference: where integer kernels exist for the type of w (Q4_0, Q8_0, Q4_K, Q6_K), every product rounds
    /// the rows of x to 8 bits per block of 32 values, as GGML does: scale s = max|x| / 127, quants to the nearest integer,
    /// ties to even. Block after block along k, an exact integer sum is scaled and added: sum = fma(dot, d * s, sum), the
    /// same bits from every provider. Other types are packed as [#pack] does. Gradients do not go through rounding: training
    /// packs with [#pack].
    PackedWeight packRounded(Tensor w, Scope scope);

    /// y (M, N) = x (M, K) * Wt, or y += with `accumulate`. Row-invariant: K is reduced in one fixed order.
    void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate);

    /// c (M, N) = alpha * op(a) * op(b) + beta * c, all F32; op transposes when its flag is set.
    /// a is (M, K) or (K, M) transposed, b is (K, N) or (N, K) transposed. beta 0 ignores old values of c.
    void gemm(boolean transposeA, Tensor a, boolean transposeB, Tensor b, float alpha, float beta, Tensor c);
}
