// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The memory of one sequence: the state of each layer and how many tokens they hold. Sized once, never reallocated.
/// Belongs to one sequence at a time and is not thread-safe.
public final class CacheStack implements AutoCloseable {
    private final Scope scope;
    private final List<LayerState> layers;
    private final int capacity;
    private int length;

    /// A stack for `capacity` tokens, counted in the ledger until closed.
    public CacheStack(List<? extends StateShape> shapes, int capacity, Ledger ledger) {
        this.capacity = capacity;
        this.scope = ledger.scope("kv cache");
        MemorySegment memory = scope.allocate(bytes(shapes, capacity));
        List<LayerState> states = new ArrayList<>(shapes.size());
        long offset = 0;
        for (StateShape shape : shapes) {
            long bytes = shape.bytes(capacity);
            MemorySegment own = memory.asSlice(offset, bytes);
            states.add(switch (shape) {
                case KvShape kv -> new KvSlab(kv, capacity, own);
                case RecurrentShape recurrent -> new RecurrentState(recurrent, own);
                case SharedShape shared -> states.get(shared.layer());
            });
            offset += bytes;
        }
        this.layers = List.copyOf(states);
    }

    /// Bytes of a stack of `capacity` tokens.
    public static long bytes(List<? extends StateShape> shapes, int capacity) {
        long sum = 0;
        for (StateShape shape : shapes) sum = Math.addExact(sum, shape.bytes(capacity));
        return sum;
    }

    public LayerState layer(int index) {
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
        for (LayerState state : layers) if (state instanceof RecurrentState recurrent) recurrent.commit(newLength);
        length = newLength;
    }

    /// Forgets all tokens from `newLength` on. A recurrent layer cannot forget some of its tokens: such stacks go back to
    /// nothing, or to a checkpoint.
    public void truncate(int newLength) {
        if (newLength < 0 || newLength > length) {
            throw new IllegalArgumentException("cannot truncate " + length + " tokens to " + newLength);
        }
        if (newLength == length) return;
        if (newLength > 0 && recurrent()) {
            throw new IllegalStateException("a recurrent state of " + length + " tokens cannot go back to " + newLength);
        }
        for (LayerState state : layers) if (state instanceof RecurrentState recurrent) recurrent.reset();
        length = newLength;
    }

    /// Whether some layer's state cannot be truncated.
    public boolean recurrent() {
        return layers.stream().anyMatch(RecurrentState.class::isInstance);
    }

    /// What the stack holds now, as far as truncation cannot bring it back.
    public record Checkpoint(int length, List<RecurrentState.Mark> marks) {}

    public Checkpoint checkpoint() {
        List<RecurrentState.Mark> marks = new ArrayList<>();
        for (LayerState state : layers) if (state instanceof RecurrentState recurrent) marks.add(recurrent.checkpoint());
        return new Checkpoint(length, marks);
    }

    /// Goes back to a checkpoint of this stack; keys and values stored since are forgotten.
    public void restore(Checkpoint checkpoint) {
        if (checkpoint.length() > length) throw new IllegalArgumentException("the checkpoint lies ahead");
        int next = 0;
        for (LayerState state : layers) if (state instanceof RecurrentState recurrent) recurrent.restore(checkpoint.marks().get(next++));
        length = checkpoint.length();
    }

    @Override
    public void close() {
        scope.close();
    }
}
