// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// GGML NVFP4: blocks of 64 values in 36 bytes: 4 E4M3 scales without sign, one per 16 values, then per group 8 bytes of
/// E2M1 whose low nibbles are its first 8 values and high nibbles its last 8. The code 0x7f, elsewhere not a number, is
/// scale 0. Encode: scale = max|x| / 6. A file may hold one more F32 scale per tensor, which is applied elsewhere.
final class NVFP4 implements QuantFormat {
    private static final int BLOCK = 64;
    private static final int BYTES = 36;
    private static final int GROUP = 16;

    @Override
    public DType dtype() {
        return DType.NVFP4;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            for (int g = 0; g < 4; g++) {
                float scale = scale(data.get(ValueLayout.JAVA_BYTE, block + g) & 255);
                int at = first + g * GROUP;
                for (int j = 0; j < GROUP / 2; j++) {
                    int pair = data.get(ValueLayout.JAVA_BYTE, block + 4 + g * 8 + j);
                    out[at + j] = SmallFloats.e2m1(pair & 15) * scale;
                    out[at + j + GROUP / 2] = SmallFloats.e2m1(pair >> 4 & 15) * scale;
                }
            }
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        long block = offset;
        for (int first = from; first < from + count; first += BLOCK, block += BYTES) {
            for (int g = 0; g < 4; g++) {
                int at = first + g * GROUP;
                int code = SmallFloats.e4m3Scale(Math.abs(Quant.extreme(values, at, GROUP)) / 6);
                data.set(ValueLayout.JAVA_BYTE, block + g, (byte) code);
                float scale = scale(code);
                for (int j = 0; j < GROUP / 2; j++) {
                    int low = SmallFloats.nearestE2m1(values[at + j], scale);
                    int high = SmallFloats.nearestE2m1(values[at + j + GROUP / 2], scale);
                    data.set(ValueLayout.JAVA_BYTE, block + 4 + g * 8 + j, (byte) (low | high << 4));
                }
            }
        }
    }

    private static float scale(int code) {
        if (code == 0x7f) return 0;
        int magnitude = code & 0x7f;
        return magnitude == 0x7f ? 480 : SmallFloats.e4m3(magnitude); // the sign bit has no meaning in a scale
    }
}
