// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;

/// How real numbers lie in the bytes of one [DType]. Little-endian. Stateless and thread-safe.
/// Counts must fill whole blocks; element i of a stream starts at `dtype().bytes(i)`.
public sealed interface QuantFormat permits F32, F16, BF16, Q8_0, Q4_0 {
    DType dtype();

    /// out[from .. from + count) = the values of the blocks at byte `offset` of `data`.
    void decode(MemorySegment data, long offset, float[] out, int from, int count);

    /// Writes values[from .. from + count) as blocks at byte `offset` of `data`, rounding as the format defines.
    void encode(float[] values, int from, int count, MemorySegment data, long offset);
}
