// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.ValueLayout;

/// FP8 matrices as published for training hardware: E4M3 values (bias 7, no infinity, 0x7f is NaN; Micikevicius et al.,
/// 2209.05433), each block of a square grid multiplied by its own scale.
final class Fp8Blocks {
    private static final float[] E4M3 = new float[256];

    static {
        for (int bits = 0; bits < 256; bits++) {
            int exponent = bits >> 3 & 15;
            int mantissa = bits & 7;
            double magnitude = exponent == 0 ? mantissa * 0x1p-9 : (8 + mantissa) * Math.pow(2, exponent - 10);
            if ((bits & 127) == 127) magnitude = Double.NaN;
            E4M3[bits] = (float) ((bits & 128) == 0 ? magnitude : -magnitude);
        }
    }

    private Fp8Blocks() {}

    /// (N, K) as F32; `scales` row-major over the grid of blocks.
    static Tensor decode(Tensor packed, float[] scales, int block, Scope scope) {
        int rows = packed.rows();
        int cols = packed.cols();
        int grid = Math.ceilDiv(cols, block);
        Tensor values = scope.f32(rows, cols);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < cols; c++) {
                long at = (long) r * cols + c;
                float value = E4M3[packed.data().get(ValueLayout.JAVA_BYTE, at) & 255];
                values.set(at, value * scales[r / block * grid + c / block]);
            }
        }
        return values;
    }
}
