// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q5_K: blocks of 256 values in 176 bytes: as Q4_K, with 32 bytes between scales and nibbles whose bits are the
/// fifth bits: bit 2c of byte l belongs to low nibble l of chunk c, bit 2c + 1 to the high one.
final class Q5_K implements QuantFormat {
    private static final int BLOCK = 256;
    private static final int BYTES = 176;

    @Override
    public DType dtype() {
        return DType.Q5_K;
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
                long quants = block + 48 + c * 32;
                for (int l = 0; l < 32; l++) {
                    int pair = data.get(ValueLayout.JAVA_BYTE, quants + l);
                    int fifth = data.get(ValueLayout.JAVA_BYTE, block + 16 + l) >> 2 * c;
                    out[at + l] = lowScale * (pair & 15 | (fifth & 1) << 4) - lowMinimum;
                    out[at + 32 + l] = highScale * (pair >> 4 & 15 | (fifth & 2) << 3) - highMinimum;
                }
            }
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        AffineBlock fit = new AffineBlock(31, 0.5f, 15);
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            fit.fit(values, first, data, block);
            for (int l = 0; l < 32; l++) {
                int fifths = 0;
                for (int c = 0; c < 4; c++) {
                    int low = fit.quants[c * 64 + l];
                    int high = fit.quants[c * 64 + 32 + l];
                    data.set(ValueLayout.JAVA_BYTE, block + 48 + c * 32 + l, (byte) (low & 15 | (high & 15) << 4));
                    fifths |= (low >> 4 | high >> 4 << 1) << 2 * c;
                }
                data.set(ValueLayout.JAVA_BYTE, block + 16 + l, (byte) fifths);
            }
        }
    }
}
