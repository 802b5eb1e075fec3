// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML Q6_K: blocks of 256 values in 210 bytes: ql[128], qh[64], int8 scales[16], f16 d. Each half of 128 values has 64
/// bytes of ql and 32 of qh; its values l, l + 32, l + 64, l + 96 (l < 32) are the low nibble of ql[l], of ql[l + 32],
/// the high nibble of ql[l], of ql[l + 32], each with two bits of qh[l] above. value = d * scales[i / 16] * (q - 32).
final class Q6_K implements QuantFormat {
    private static final int BLOCK = 256;
    private static final int BYTES = 210;
    private static final int HIGH = 128;
    private static final int SCALES = 192;
    private static final int D = 208;
    private static final float ALL_ZERO = 1e-15f;

    @Override
    public DType dtype() {
        return DType.Q6_K;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            float d = Quant.half(data, block + D);
            for (int quarter = 0; quarter < 8; quarter++) { // quarters of both halves
                int half = quarter / 4;
                int part = quarter % 4;
                long low = block + half * 64 + part % 2 * 32;
                long high = block + HIGH + half * 32;
                for (int group = 0; group < 2; group++) {
                    float scale = d * data.get(ValueLayout.JAVA_BYTE, block + SCALES + quarter * 2 + group);
                    int at = first + quarter * 32;
                    for (int l = group * 16; l < group * 16 + 16; l++) {
                        int q = data.get(ValueLayout.JAVA_BYTE, low + l) >> part / 2 * 4 & 15
                                | (data.get(ValueLayout.JAVA_BYTE, high + l) >> part * 2 & 3) << 4;
                        out[at + l] = scale * (q - 32);
                    }
                }
            }
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        ScaleSearch search = new ScaleSearch();
        float[] scales = new float[16];
        int[] quants = new int[BLOCK];
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            float largest = 0;
            for (int g = 0; g < 16; g++) {
                scales[g] = search.symmetric(values, first + g * 16, 16, 32);
                System.arraycopy(search.quants, 0, quants, g * 16, 16);
                if (Math.abs(scales[g]) > Math.abs(largest)) largest = scales[g];
            }
            if (Math.abs(largest) < ALL_ZERO) {
                data.asSlice(block, BYTES).fill((byte) 0);
                continue;
            }
            float inverse = -128 / largest;
            short d = Quant.scale(1 / inverse);
            data.set(Quant.SHORT, block + D, d);
            for (int g = 0; g < 16; g++) {
                byte bits = (byte) Math.min(127, ScaleSearch.nearest(inverse * scales[g]));
                data.set(ValueLayout.JAVA_BYTE, block + SCALES + g, bits);
                float scale = Float.float16ToFloat(d) * bits;
                if (scale == 0) continue;
                for (int i = g * 16; i < g * 16 + 16; i++) {
                    quants[i] = Math.clamp(ScaleSearch.nearest(values[first + i] / scale), -32, 31) + 32;
                }
            }
            pack(quants, data, block);
        }
    }

    private static void pack(int[] quants, MemorySegment data, long block) {
        for (int half = 0; half < 2; half++) {
            for (int l = 0; l < 32; l++) {
                int at = half * 128 + l;
                int a = quants[at], b = quants[at + 32], c = quants[at + 64], e = quants[at + 96];
                data.set(ValueLayout.JAVA_BYTE, block + half * 64 + l, (byte) (a & 15 | (c & 15) << 4));
                data.set(ValueLayout.JAVA_BYTE, block + half * 64 + 32 + l, (byte) (b & 15 | (e & 15) << 4));
                data.set(ValueLayout.JAVA_BYTE, block + HIGH + half * 32 + l,
                        (byte) (a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6));
            }
        }
    }
}
