// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// IEEE binary32: the identity.
final class F32 implements QuantFormat {
    @Override
    public DType dtype() {
        return DType.F32;
    }

    @Override
    public void decode(MemorySegment data, long offset, float[] out, int from, int count) {
        MemorySegment.copy(data, Tensor.FLOAT, offset, out, from, count);
    }

    @Override
    public void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        MemorySegment.copy(values, from, data, Tensor.FLOAT, offset, count);
    }
}
