// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;

/// IEEE binary16, rounded to nearest even; magnitudes from 65,520 become infinite.
final class F16 implements QuantFormat {
    @Override
    public DType dtype() {
        return DType.F16;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        for (int i = 0; i < count; i++) out[from + i] = Float.float16ToFloat(data.get(Quant.SHORT, offset + 2L * i));
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        for (int i = 0; i < count; i++) data.set(Quant.SHORT, offset + 2L * i, Float.floatToFloat16(values[from + i]));
    }
}
