// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Keys and values of one layer of one sequence, F32, laid out [kv head][slot][dim] with a fixed number of slots; keys are
/// stored after RoPE. Neighbouring tokens stand in neighbouring slots.
public sealed interface KvState extends LayerState permits KvSlab, KvRing {
    /// Stores row `row` of k (T, kvHeads * keyDim) and v (T, kvHeads * valueDim) as the token at `position`; v may be
    /// null when the shape has no values.
    void put(int position, Tensor k, Tensor v, int row);

    MemorySegment keys();

    MemorySegment values();

    /// Slots per head.
    int capacity();

    /// The slot of the token at `position`, valid until the next [#put].
    int slot(int position);

    KvShape shape();

    @Override
    default boolean holds(Mark mark) {
        return canTruncate(mark.length());
    }

    @Override
    default void restore(Mark mark) {
        truncate(mark.length());
    }

    /// Copies row `row` of x (T, kvHeads * dim) into `slot` of each head.
    static void spread(Tensor x, int row, MemorySegment to, int kvHeads, int dim, int capacity, int slot) {
        long head = (long) dim * Float.BYTES;
        long source = row * head * kvHeads;
        for (int h = 0; h < kvHeads; h++) MemorySegment.copy(x.data(), source + h * head, to, ((long) h * capacity + slot) * head, head);
    }
}
