// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.Matmul;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// y (T, N) = x (T, K) Wt + s (x At) Bt + b [+ residual (T, N)], the low-rank term only with an update.
public final class Linear {
    /// Rows of a quantized or half-precision weight that are decoded to F32 at a time in the backward pass.
    private static final int DECODE_ROWS = 512;

    private Linear() {}

    /// `residual` may be null; `updates` false leaves the low-rank term out (the base model).
    public static Value apply(Tape tape, Value x, Projection w, Value residual, boolean updates) {
        if (w instanceof Projection.Frozen frozen && tape.compute().frozen() != null) return FusedLinear.apply(tape, x, frozen, residual, updates);
        Tensor y = tape.workspace().f32(x.data().rows(), w.outputs());
        if (residual != null) MemorySegment.copy(residual.data().data(), 0, y.data(), 0, y.bytes());
        boolean add = residual != null;
        Projection.LowRank update = null;
        Matmul matmul = tape.kernels().matmul();
        switch (w) {
            case Projection.Dense dense -> matmul.gemm(false, x.data(), true, dense.weight().value(), 1, add ? 1 : 0, y);
            case Projection.Frozen frozen -> {
                matmul.multiply(x.data(), frozen.weight(), y, add);
                update = updates ? frozen.update() : null;
            }
        }
        Tensor u = update == null ? null : lowRank(tape, x, update, y);
        if (w.bias() != null) tape.kernels().gradients().addRow(w.bias().value(), y);
        boolean trains = update != null || tape.trains(w.bias())
                || w instanceof Projection.Dense dense && tape.trains(dense.weight());
        Value out = tape.value(y, trains || x.wanted() || residual != null && residual.wanted());
        Projection.LowRank trained = update;
        tape.record(out, () -> backward(tape, x, w, trained, u, residual, out));
        return out;
    }

    /// y += s (x At) Bt; returns u (T, R) = x At.
    private static Tensor lowRank(Tape tape, Value x, Projection.LowRank update, Tensor y) {
        Matmul matmul = tape.kernels().matmul();
        Tensor u = tape.workspace().f32(x.data().rows(), update.a().value().rows());
        matmul.gemm(false, x.data(), true, update.a().value(), 1, 0, u);
        matmul.gemm(false, u, true, update.b().value(), update.scale(), 1, y);
        return u;
    }

    /// With g = dy: dW += gt x; db += sum g; dx += g W; low rank: dB += s gt u; v = s g B; dA += vt x; dx += v A.
    private static void backward(Tape tape, Value x, Projection w, Projection.LowRank update, Tensor u, Value residual,
            Value out) {
        Tensor g = out.gradient();
        Matmul matmul = tape.kernels().matmul();
        if (tape.trains(w.bias())) tape.kernels().gradients().columnSums(g, w.bias().gradient());
        switch (w) {
            case Projection.Dense dense -> {
                Parameter weight = dense.weight();
                if (weight.trained()) matmul.gemm(true, g, false, x.data(), 1, 1, weight.gradient());
                if (x.wanted()) {
                    float beta = x.beta();
                    matmul.gemm(false, g, false, weight.value(), 1, beta, x.into(tape.workspace()));
                }
            }
            case Projection.Frozen frozen -> {
                if (x.wanted()) throughFrozen(tape, g, frozen.weight(), x);
            }
        }
        if (update != null) {
            matmul.gemm(true, g, false, u, update.scale(), 1, update.b().gradient());
            Tensor v = tape.workspace().f32(g.rows(), u.cols());
            matmul.gemm(false, g, false, update.b().value(), update.scale(), 0, v);
            matmul.gemm(true, v, false, x.data(), 1, 1, update.a().gradient());
            if (x.wanted()) matmul.gemm(false, v, false, update.a().value(), 1, 1, x.into(tape.workspace()));
            tape.workspace().give(v);
        }
        if (residual != null && residual.wanted()) residual.adopt(out.take(), tape);
    }

    /// dx (T, K) += g (T, N) W (N, K), decoding W by tiles of rows where it is not F32.
    static void throughFrozen(Tape tape, Tensor g, PackedWeight weight, Value x) {
        float beta = x.beta();
        gradientOfInput(tape, g, weight.source(), beta, x.into(tape.workspace()));
    }

    /// dx (T, K) = g (T, N) w (N, K) + beta dx for a weight of any storage format.
    static void gradientOfInput(Tape tape, Tensor g, Tensor w, float beta, Tensor dx) {
        if (tape.compute().frozen() != null) {
            tape.compute().frozen().backward(g, null, w, null, null, dx, beta != 0, null, null);
            return;
        }
        Matmul matmul = tape.kernels().matmul();
        if (w.dtype() == DType.F32) {
            matmul.gemm(false, g, false, w, 1, beta, dx);
            return;
        }
        for (int from = 0; from < w.rows(); from += DECODE_ROWS) {
            int to = Math.min(w.rows(), from + DECODE_ROWS);
            Tensor decoded = Decoded.rows(tape, w, from, to);
            Tensor columns = tape.workspace().f32(g.rows(), to - from);
            Decoded.columns(g, from, columns);
            matmul.gemm(false, columns, false, decoded, 1, from == 0 ? beta : 1, dx);
            tape.workspace().give(columns);
            tape.workspace().give(decoded);
        }
    }
}
