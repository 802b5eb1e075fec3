// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML IQ4_XS: blocks of 256 values in 136 bytes: f16 d, 16 bits with the two top bits and 4 bytes with the low nibbles
/// of eight 6-bit scales, then eight groups of 16 bytes as in IQ4_NL. value = d * (scale - 32) * TABLE[q]. Read only.
final class IQ4_XS implements QuantFormat {
    private static final int BLOCK = 256;
    private static final int BYTES = 136;

    @Override
    public DType dtype() {
        return DType.IQ4_XS;
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
            int tops = data.get(Quant.SHORT, block + 2);
            for (int group = 0; group < 8; group++) {
                int low = data.get(ValueLayout.JAVA_BYTE, block + 4 + group / 2) >> group % 2 * 4 & 15;
                float scale = d * ((low | (tops >> group * 2 & 3) << 4) - 32);
                int at = first + group * 32;
                for (int j = 0; j < 16; j++) {
                    int pair = data.get(ValueLayout.JAVA_BYTE, block + 8 + group * 16 + j);
                    out[at + j] = scale * IQ4_NL.TABLE[pair & 15];
                    out[at + j + 16] = scale * IQ4_NL.TABLE[pair >> 4 & 15];
                }
            }
        }
    }
}
