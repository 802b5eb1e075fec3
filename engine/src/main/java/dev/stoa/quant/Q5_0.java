// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q5_0: blocks of 32 values in 22 bytes, f16 d, 32 fifth bits by element, 16 bytes in the order of Q4_0;
/// value = d * (q - 16). Read only.
final class Q5_0 implements QuantFormat {
    private static final int BLOCK = 32;
    private static final int BYTES = 22;

    @Override
    public DType dtype() {
        return DType.Q5_0;
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
            int fifths = data.get(Quant.INT, block + 2);
            for (int j = 0; j < 16; j++) {
                int pair = data.get(ValueLayout.JAVA_BYTE, block + 6 + j);
                out[first + j] = ((pair & 15 | (fifths >> j & 1) << 4) - 16) * d;
                out[first + j + 16] = ((pair >> 4 & 15 | (fifths >> j + 16 & 1) << 4) - 16) * d;
            }
        }
    }
}
