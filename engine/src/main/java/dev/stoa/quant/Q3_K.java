// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q3_K: blocks of 256 values in 110 bytes: 32 bytes of third bits (bit j of byte l: run j of 32 values), 64 bytes
/// of 2-bit quants laid out as in Q2_K, 16 6-bit scales in 12 bytes (nibbles of the first 8, then pairs of top bits),
/// f16 d. value = d * (scale - 32) * (q - 4). Read only.
final class Q3_K implements QuantFormat {
    private static final int BLOCK = 256;
    private static final int BYTES = 110;

    @Override
    public DType dtype() {
        return DType.Q3_K;
    }

    @Override
    public boolean readOnly() {
        return true;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            float d = Quant.half(data, block + 108);
            for (int group = 0; group < 16; group++) {
                int low = data.get(ValueLayout.JAVA_BYTE, block + 96 + group % 8) >> group / 8 * 4 & 15;
                int high = data.get(ValueLayout.JAVA_BYTE, block + 104 + group % 4) >> group / 4 * 2 & 3;
                float scale = d * ((low | high << 4) - 32);
                long thirds = block + group % 2 * 16;
                long quants = block + 32 + group / 8 * 32 + group % 2 * 16;
                int run = group / 2;
                for (int l = 0; l < 16; l++) {
                    int q = data.get(ValueLayout.JAVA_BYTE, quants + l) >> run % 4 * 2 & 3;
                    int third = data.get(ValueLayout.JAVA_BYTE, thirds + l) >> run & 1;
                    out[first + group * 16 + l] = scale * ((q | third << 2) - 4);
                }
            }
        }
    }
}
