// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q8_0: blocks of 32 values in 34 bytes, f16 scale d and int8 q[32]; value = d * q.
/// Encode: d = max|x| / 127, q = x / d rounded half away from zero (the GGML reference).
final class Q8_0 implements QuantFormat {
    private static final int BLOCK = 32;
    private static final int BYTES = 34;

    @Override
    public DType dtype() {
        return DType.Q8_0;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int i = 0; i < DType.Q8_0.bytes(count) / BYTES; i++, block += BYTES) {
            float d = Float.float16ToFloat(data.get(Quant.SHORT, block));
            for (int j = 0; j < BLOCK; j++) {
                out[from + i * BLOCK + j] = d * data.get(ValueLayout.JAVA_BYTE, block + 2 + j);
            }
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        long block = offset;
        for (int i = 0; i < DType.Q8_0.bytes(count) / BYTES; i++, block += BYTES) {
            int first = from + i * BLOCK;
            float d = Math.abs(Quant.extreme(values, first, BLOCK)) / 127;
            float inverse = d == 0 ? 0 : 1 / d;
            data.set(Quant.SHORT, block, Quant.scale(d));
            for (int j = 0; j < BLOCK; j++) {
                float q = values[first + j] * inverse;
                data.set(ValueLayout.JAVA_BYTE, block + 2 + j, (byte) round(q));
            }
        }
    }

    /// Half away from zero. Adding 0.5 and cutting would lift the largest float below 0.5 to 1.
    private static int round(float q) {
        int whole = (int) q;
        return Math.abs(q - whole) >= 0.5f ? whole + (q < 0 ? -1 : 1) : whole;
    }
}
