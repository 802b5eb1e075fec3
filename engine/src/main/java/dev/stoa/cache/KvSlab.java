// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Keys and values of one layer of one sequence, F32, laid out [kv head][token][dim] with a fixed capacity; keys are
/// stored after RoPE. Written by one thread at a time; does not own its memory.
public final class KvSlab {
    private final KvShape shape;
    private final int capacity;
    private final MemorySegment keys;
    private final MemorySegment values;

    KvSlab(KvShape shape, int capacity, MemorySegment memory) {
        this.shape = shape;
        this.capacity = capacity;
        long half = shape.bytes(capacity) / 2;
        this.keys = memory.asSlice(0, half);
        this.values = memory.asSlice(half, half);
    }

    /// Stores row `row` of k and v, both (T, kvHeads * headDim), as the token at `position`.
    public void put(int position, Tensor k, Tensor v, int row) {
        if (position < 0 || position >= capacity) {
            throw new IllegalArgumentException("position " + position + " is outside a cache of " + capacity + " tokens");
        }
        long head = (long) shape.headDim() * Float.BYTES;
        long source = row * head * shape.kvHeads();
        for (int h = 0; h < shape.kvHeads(); h++) {
            long target = ((long) h * capacity + position) * head;
            MemorySegment.copy(k.data(), source + h * head, keys, target, head);
            MemorySegment.copy(v.data(), source + h * head, values, target, head);
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
}
