// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tensor;

/// How a matrix lies in memory whose values need more than one array: packed integers with scales beside them, indices
/// into a codebook. Belongs to a [Tensor] of dtype `PACKED`. Immutable; does not own its memory.
public interface Packing {
    /// For people: `affine 4 bits, groups of 64`.
    String describe();

    /// Bytes of all its arrays.
    long bytes();

    /// out[at .. at + columns) = the values of row `row`, counted over all dimensions but the last.
    void decodeRow(long row, float[] out, int at);

    /// The same matrix from row `row` on.
    Packing from(long row);
}
