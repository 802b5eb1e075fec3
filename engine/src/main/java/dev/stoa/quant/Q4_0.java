// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q4_0: blocks of 32 values in 18 bytes, f16 scale d and 16 bytes; the low nibble of byte j is element j, the
/// high nibble element j + 16; value = d * (q - 8). Encode: d = x* / -8 with x* the signed value of largest magnitude.
final class Q4_0 implements QuantFormat {
    private static final int BLOCK = 32;
    private static final int BYTES = 18;

    @Override
    public DType dtype() {
        return DType.Q4_0;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int i = 0; i < DType.Q4_0.bytes(count) / BYTES; i++, block += BYTES) {
            float d = Float.float16ToFloat(data.get(Quant.SHORT, block));
            int first = from + i * BLOCK;
            for (int j = 0; j < BLOCK / 2; j++) {
                int pair = data.get(ValueLayout.JAVA_BYTE, block + 2 + j);
                out[first + j] = d * ((pair & 15) - 8);
                out[first + j + BLOCK / 2] = d * ((pair >> 4 & 15) - 8);
            }
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        long block = offset;
        for (int i = 0; i < DType.Q4_0.bytes(count) / BYTES; i++, block += BYTES) {
            int first = from + i * BLOCK;
            float d = Quant.extreme(values, first, BLOCK) / -8;
            float inverse = d == 0 ? 0 : 1 / d;
            data.set(Quant.SHORT, block, Quant.scale(d));
            for (int j = 0; j < BLOCK / 2; j++) {
                int low = nibble(values[first + j] * inverse);
                int high = nibble(values[first + j + BLOCK / 2] * inverse);
                data.set(ValueLayout.JAVA_BYTE, block + 2 + j, (byte) (low | high << 4));
            }
        }
    }

    private static int nibble(float q) {
        return Math.min(15, (int) (q + 8.5f));
    }
}
