// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;

/// How real numbers lie in the bytes of one [DType]. Little-endian. Stateless and thread-safe.
/// Counts must fill whole blocks; element i of a stream starts at `dtype().bytes(i)`.
///
/// Block formats follow GGML bit for bit: `decode` computes each value with the same F32 operations in the same order,
/// and `encode` makes the bytes that its reference quantizers make without an importance matrix.
public sealed interface QuantFormat permits F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K, Q6_K, MXFP4, NVFP4, Q4_1, Q5_0, Q5_1,
        Q2_K, Q3_K, IQ4_NL, IQ4_XS {
    DType dtype();

    /// out[from .. from + count) = the values of the blocks at byte `offset` of `data`.
    void decode(MemorySegment data, long offset, float[] out, int from, int count);

    /// Whether [#encode] is refused: the format is read from downloaded files, but nothing is written in it.
    default boolean readOnly() {
        return false;
    }

    /// Writes values[from .. from + count) as blocks at byte `offset` of `data`, rounding as the format defines.
    default void encode(float[] values, int from, int count, MemorySegment data, long offset) {
        throw Fault.of(EngineFault.UNSUPPORTED_DTYPE, "weights are read from %s, but not written in it", dtype()).got(dtype())
                .expected("Q8_0, Q6_K, Q5_K, Q4_K, Q4_0, MXFP4, NVFP4 or a float type").next("choose one of these").exception();
    }
}
