// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q5_1: blocks of 32 values in 24 bytes, f16 d, f16 m, 32 fifth bits by element, 16 bytes in the order of Q4_0;
/// value = d * q + m. Read only.
final class Q5_1 implements QuantFormat {
    private static final int BLOCK = 32;
    private static final int BYTES = 24;

    @Override
    public DType dtype() {
        return DType.Q5_1;
    }

    @Override
    public boolean readOnly() {
        return true;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            float d = Quant.half(data, block);
            float m = Quant.half(data, block + 2);
            int fifths = data.get(Quant.INT, block + 4);
            for (int j = 0; j < 16; j++) {
                int pair = data.get(ValueLayout.JAVA_BYTE, block + 8 + j);
                out[first + j] = (pair & 15 | (fifths >> j & 1) << 4) * d + m;
                out[first + j + 16] = (pair >> 4 & 15 | (fifths >> j + 16 & 1) << 4) * d + m;
            }
        }
    }
}
