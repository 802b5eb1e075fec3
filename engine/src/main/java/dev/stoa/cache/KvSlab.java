// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Keys and values of one layer of one sequence, F32, laid out [kv head][token][dim] with a fixed capacity; keys are
/// stored after RoPE. Written by one thread at a time; does not own its memory.
public final class KvSlab implements LayerState {
    private final KvShape shape;
    private final int capacity;
    private final MemorySegment keys;
    private final MemorySegment values;

    KvSlab(KvShape shape, int capacity, MemorySegment memory) {
        this.shape = shape;
        this.capacity = capacity;
        long keyBytes = shape.keyBytes(capacity);
        this.keys = memory.asSlice(0, keyBytes);
        this.values = memory.asSlice(keyBytes, shape.valueBytes(capacity));
    }

    /// Stores row `row` of k (T, kvHeads * keyDim) and v (T, kvHeads * valueDim) as the token at `position`; v may be
    /// null when the shape has no values.
    public void put(int position, Tensor k, Tensor v, int row) {
        if (position < 0 || position >= capacity) {
            throw new IllegalArgumentException("position " + position + " is outside a cache of " + capacity + " tokens");
        }
        spread(k, row, keys, shape.keyDim(), position);
        if (shape.valueDim() > 0) spread(v, row, values, shape.valueDim(), position);
    }

    private void spread(Tensor from, int row, MemorySegment to, int dim, int position) {
        long head = (long) dim * Float.BYTES;
        long source = row * head * shape.kvHeads();
        for (int h = 0; h < shape.kvHeads(); h++) {
            MemorySegment.copy(from.data(), source + h * head, to, ((long) h * capacity + position) * head, head);
        }
    }

    public MemorySegment keys() {
        return keys;
    }

    public MemorySegment values() {
        return values;
    }

    public int capacity() {
        return capacity;
    }

    public KvShape shape() {
        return shape;
    }
}
