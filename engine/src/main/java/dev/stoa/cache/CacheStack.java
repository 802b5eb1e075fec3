// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The memory of one sequence: one slab per layer and how many tokens they hold. Sized once, never reallocated.
/// Belongs to one sequence at a time and is not thread-safe.
public final class CacheStack implements AutoCloseable {
    private final Scope scope;
    private final List<KvSlab> layers;
    private final int capacity;
    private int length;

    /// A stack for `capacity` tokens, counted in the ledger until closed.
    public CacheStack(List<KvShape> shapes, int capacity, Ledger ledger) {
        this.capacity = capacity;
        this.scope = ledger.scope("kv cache");
        MemorySegment memory = scope.allocate(bytes(shapes, capacity));
        List<KvSlab> slabs = new ArrayList<>(shapes.size());
        long offset = 0;
        for (KvShape shape : shapes) {
            long bytes = shape.bytes(capacity);
            slabs.add(new KvSlab(shape, capacity, memory.asSlice(offset, bytes)));
            offset += bytes;
        }
        this.layers = List.copyOf(slabs);
    }

    /// Bytes of a stack of `capacity` tokens.
    public static long bytes(List<KvShape> shapes, int capacity) {
        long sum = 0;
        for (KvShape shape : shapes) sum = Math.addExact(sum, shape.bytes(capacity));
        return sum;
    }

    public KvSlab layer(int index) {
        return layers.get(index);
    }

    /// Tokens stored in every layer.
    public int length() {
        return length;
    }

    public int capacity() {
        return capacity;
    }

    public long bytes() {
        return scope.bytes();
    }

    /// Declares that all layers now hold `newLength` tokens.
    public void advance(int newLength) {
        if (newLength < length || newLength > capacity) {
            throw new IllegalArgumentException("length " + newLength + " is outside [" + length + ", " + capacity + "]");
        }
        length = newLength;
    }

    /// Forgets all tokens from `newLength` on.
    public void truncate(int newLength) {
        if (newLength < 0 || newLength > length) {
            throw new IllegalArgumentException("cannot truncate " + length + " tokens to " + newLength);
        }
        length = newLength;
    }

    @Override
    public void close() {
        scope.close();
    }
}
