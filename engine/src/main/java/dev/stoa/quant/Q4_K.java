// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q4_K: blocks of 256 values in 144 bytes: f16 d, f16 dmin, 12 bytes of [SixBitScales], 128 nibble bytes. Chunk c
/// of 64 values: low nibbles are group 2c, high nibbles group 2c + 1; value = d * scale * q - dmin * minimum.
final class Q4_K implements QuantFormat {
    private static final int BLOCK = 256;
    private static final int BYTES = 144;

    @Override
    public DType dtype() {
        return DType.Q4_K;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            float d = Quant.half(data, block);
            float dmin = Quant.half(data, block + 2);
            for (int c = 0; c < 4; c++) {
                float lowScale = d * SixBitScales.scale(data, block + 4, 2 * c);
                float lowMinimum = dmin * SixBitScales.minimum(data, block + 4, 2 * c);
                float highScale = d * SixBitScales.scale(data, block + 4, 2 * c + 1);
                float highMinimum = dmin * SixBitScales.minimum(data, block + 4, 2 * c + 1);
                int at = first + c * 64;
                long quants = block + 16 + c * 32;
                for (int l = 0; l < 32; l++) {
                    int pair = data.get(ValueLayout.JAVA_BYTE, quants + l);
                    out[at + l] = lowScale * (pair & 15) - lowMinimum;
                    out[at + 32 + l] = highScale * (pair >> 4 & 15) - highMinimum;
                }
            }
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        AffineBlock fit = new AffineBlock(15, 1, 20);
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            fit.fit(values, first, data, block);
            for (int i = 0; i < 128; i++) {
                int at = i / 32 * 64 + i % 32;
                data.set(ValueLayout.JAVA_BYTE, block + 16 + i, (byte) (fit.quants[at] | fit.quants[at + 32] << 4));
            }
        }
    }
}
