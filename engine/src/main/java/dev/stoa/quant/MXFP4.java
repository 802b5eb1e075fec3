// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML MXFP4: blocks of 32 values in 17 bytes, E8M0 scale e and 16 bytes of E2M1 in the order of Q4_0;
/// value = E2M1 * 2^(e - 127). Encode: e = floor(log2 max|x|) - 2, the logarithm in F32, values to the nearest.
final class MXFP4 implements QuantFormat {
    private static final int BLOCK = 32;
    private static final int BYTES = 17;

    @Override
    public DType dtype() {
        return DType.MXFP4;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            float scale = SmallFloats.e8m0(Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, block)));
            for (int j = 0; j < BLOCK / 2; j++) {
                int pair = data.get(ValueLayout.JAVA_BYTE, block + 1 + j);
                out[first + j] = SmallFloats.e2m1(pair & 15) * scale;
                out[first + j + BLOCK / 2] = SmallFloats.e2m1(pair >> 4 & 15) * scale;
            }
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            int e = exponent(Math.abs(Quant.extreme(values, first, BLOCK)));
            data.set(ValueLayout.JAVA_BYTE, block, (byte) e);
            float scale = SmallFloats.e8m0(e);
            for (int j = 0; j < BLOCK / 2; j++) {
                int low = SmallFloats.nearestE2m1(values[first + j], scale);
                int high = SmallFloats.nearestE2m1(values[first + j + BLOCK / 2], scale);
                data.set(ValueLayout.JAVA_BYTE, block + 1 + j, (byte) (low | high << 4));
            }
        }
    }

    /// Rounding the logarithm to F32 lifts values just below a power of two over it; that is part of the definition.
    /// (Where GGML's exponent would wrap around below 2^-125 it is 0 here; all values of such a block are 0 either way.)
    private static int exponent(float largest) {
        if (largest == 0) return 0;
        float logarithm = (float) (Math.log(largest) / Math.log(2));
        return Math.max(0, (int) Math.floor(logarithm) - 2 + 127);
    }
}
