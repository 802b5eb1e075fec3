// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;

/// The upper half of binary32, rounded to nearest even; NaN stays NaN.
final class BF16 implements QuantFormat {
    @Override
    public DType dtype() {
        return DType.BF16;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        for (int i = 0; i < count; i++) {
            out[from + i] = Float.intBitsToFloat(data.get(Quant.SHORT, offset + 2L * i) << 16);
        }
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        for (int i = 0; i < count; i++) data.set(Quant.SHORT, offset + 2L * i, round(values[from + i]));
    }

    static short round(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) return (short) (bits >>> 16 | 0x40);
        int half = 0x7fff + (bits >>> 16 & 1);
        return (short) (bits + half >>> 16);
    }
}
