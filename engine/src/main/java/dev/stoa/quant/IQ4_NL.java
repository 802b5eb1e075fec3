// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML IQ4_NL: Q4_0 with a table instead of equal steps: f16 d, 16 bytes; value = d * TABLE[q]. Read only.
final class IQ4_NL implements QuantFormat {
    static final byte[] TABLE = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    private static final int BLOCK = 32;
    private static final int BYTES = 18;

    @Override
    public DType dtype() {
        return DType.IQ4_NL;
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
            for (int j = 0; j < 16; j++) {
                int pair = data.get(ValueLayout.JAVA_BYTE, block + 2 + j);
                out[first + j] = d * TABLE[pair & 15];
                out[first + j + 16] = d * TABLE[pair >> 4 & 15];
            }
        }
    }
}
