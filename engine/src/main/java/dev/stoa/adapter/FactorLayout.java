// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Moves the elements of a factor (F32, F16 or BF16) without changing one bit, into new memory of a scope.
final class FactorLayout {
    private FactorLayout() {}

    static boolean isFloat(Tensor tensor) {
        return tensor.dtype() == DType.F32 || tensor.dtype() == DType.F16 || tensor.dtype() == DType.BF16;
    }

    /// (R, C) -> (C, R).
    static Tensor transpose(Tensor source, Scope scope) {
        Tensor target = scope.tensor(source.dtype(), source.cols(), source.rows());
        int size = source.dtype().blockBytes();
        for (int r = 0; r < source.rows(); r++) {
            for (int c = 0; c < source.cols(); c++) {
                MemorySegment.copy(source.data(), ((long) r * source.cols() + c) * size, target.data(), ((long) c * source.rows() + r) * size, size);
            }
        }
        return target;
    }

    /// Row i of the result is row order[i] of the source (R, C).
    static Tensor rows(Tensor source, int[] order, Scope scope) {
        Tensor target = scope.tensor(source.dtype(), order.length, source.cols());
        long bytes = source.dtype().bytes(source.cols());
        for (int i = 0; i < order.length; i++) MemorySegment.copy(source.data(), order[i] * bytes, target.data(), i * bytes, bytes);
        return target;
    }

    /// Column i of the result is column order[i] of the source (R, C).
    static Tensor columns(Tensor source, int[] order, Scope scope) {
        Tensor target = scope.tensor(source.dtype(), source.rows(), order.length);
        int size = source.dtype().blockBytes();
        for (int r = 0; r < source.rows(); r++) {
            for (int i = 0; i < order.length; i++) {
                MemorySegment.copy(source.data(), ((long) r * source.cols() + order[i]) * size, target.data(), ((long) r * order.length + i) * size, size);
            }
        }
        return target;
    }

    /// b (N, R) with column k times factors[k], as F32.
    static Tensor scaleColumns(Tensor b, float[] factors, Scope scope) {
        float[] values = Quant.decode(b);
        for (int i = 0; i < values.length; i++) values[i] *= factors[i % factors.length];
        return Quant.encode(values, DType.F32, scope, b.shape());
    }

    static int[] inverse(int[] order) {
        int[] inverse = new int[order.length];
        for (int i = 0; i < order.length; i++) inverse[order[i]] = i;
        return inverse;
    }

    static boolean finite(Tensor tensor) {
        float[] row = new float[tensor.cols()];
        for (int r = 0; r < tensor.rows(); r++) {
            Quant.decodeRow(tensor, r, row, 0);
            for (float value : row) if (!Float.isFinite(value)) return false;
        }
        return true;
    }
}
