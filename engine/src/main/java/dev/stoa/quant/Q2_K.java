// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q2_K: blocks of 256 values in 84 bytes: 16 bytes with a scale (low nibble) and a minimum (high nibble) per 16
/// values, 64 bytes of 2-bit quants, f16 d, f16 dmin. Each half of 128 values has 32 bytes; its run j of 32 values takes
/// bits 2j and 2j + 1. value = d * scale * q - dmin * minimum. Read only.
final class Q2_K implements QuantFormat {
    private static final int BLOCK = 256;
    private static final int BYTES = 84;

    @Override
    public DType dtype() {
        return DType.Q2_K;
    }

    @Override
    public boolean readOnly() {
        return true;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            float d = Quant.half(data, block + 80);
            float dmin = Quant.half(data, block + 82);
            for (int group = 0; group < 16; group++) {
                int bits = data.get(ValueLayout.JAVA_BYTE, block + group);
                float scale = d * (bits & 15);
                float minimum = dmin * (bits >> 4 & 15);
                long quants = block + 16 + group / 8 * 32 + group % 2 * 16;
                int shift = group / 2 % 4 * 2;
                for (int l = 0; l < 16; l++) {
                    int q = data.get(ValueLayout.JAVA_BYTE, quants + l) >> shift & 3;
                    out[first + group * 16 + l] = scale * q - minimum;
                }
            }
        }
    }
}
