// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Every token of a sequence has a slot: its position. Does not own its memory.
public final class KvSlab implements KvState, TokenBlocks {
    private final KvShape shape;
    private final int capacity;
    private final MemorySegment keys;
    private final MemorySegment values;
    private int length;

    KvSlab(KvShape shape, int capacity, MemorySegment memory) {
        this.shape = shape;
        this.capacity = capacity;
        long keyBytes = shape.keyBytes(capacity);
        this.keys = memory.asSlice(0, keyBytes);
        this.values = memory.asSlice(keyBytes, shape.valueBytes(capacity));
    }

    @Override
    public void put(int position, Tensor k, Tensor v, int row) {
        if (position < 0 || position >= capacity) {
            throw new IllegalArgumentException("position " + position + " is outside a cache of " + capacity + " tokens");
        }
        KvState.spread(k, row, keys, shape.kvHeads(), shape.keyDim(), capacity, position);
        if (shape.valueDim() > 0) KvState.spread(v, row, values, shape.kvHeads(), shape.valueDim(), capacity, position);
    }

    @Override
    public MemorySegment keys() {
        return keys;
    }

    @Override
    public MemorySegment values() {
        return values;
    }

    @Override
    public int capacity() {
        return capacity;
    }

    @Override
    public int slot(int position) {
        return position;
    }

    @Override
    public KvShape shape() {
        return shape;
    }

    @Override
    public long blockBytes(int room) {
        return shape.bytes(room);
    }

    @Override
    public void save(int from, int to, int at, int room, MemorySegment block) {
        copy(from, to, at, room, block, false);
    }

    @Override
    public void load(int from, int to, int at, int room, MemorySegment block) {
        copy(from, to, at, room, block, true);
    }

    /// A block is [key head][room][dim], then the same of the values.
    private void copy(int from, int to, int at, int room, MemorySegment block, boolean in) {
        long start = 0;
        for (int part = 0; part < 2; part++) {
            MemorySegment slab = part == 0 ? keys : values;
            long token = 4L * (part == 0 ? shape.keyDim() : shape.valueDim()), run = (to - from) * token;
            for (int head = 0; head < shape.kvHeads(); head++, start += room * token) {
                long here = (head * (long) capacity + from) * token, there = start + at * token;
                MemorySegment.copy(in ? block : slab, in ? there : here, in ? slab : block, in ? here : there, run);
            }
        }
    }

    @Override
    public void commit(int newLength) {
        length = newLength;
    }

    @Override
    public boolean canTruncate(int newLength) {
        return newLength <= length;
    }

    @Override
    public void truncate(int newLength) {
        length = newLength;
    }

    @Override
    public Mark checkpoint() {
        return new Mark(length, new float[0]);
    }
}
