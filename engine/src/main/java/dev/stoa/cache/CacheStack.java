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
    private final List<LayerState> owned;
    private final int capacity;
    private int length;

    /// A stack that keeps `capacity` tokens, counted in the ledger until closed.
    public CacheStack(List<? extends StateShape> shapes, int capacity, Ledger ledger) {
        this(shapes, CacheLayout.bounded(capacity), ledger);
    }

    public CacheStack(List<? extends StateShape> shapes, CacheLayout layout, Ledger ledger) {
        this.capacity = layout.capacity();
        this.scope = ledger.scope("kv cache");
        MemorySegment memory = scope.allocate(bytes(shapes, layout));
        List<LayerState> states = new ArrayList<>(shapes.size());
        List<LayerState> own = new ArrayList<>(shapes.size());
        long offset = 0;
        for (StateShape shape : shapes) {
            if (shape instanceof SharedShape shared) {
                states.add(states.get(shared.layer()));
                continue;
            }
            StateProvider provider = StateRegistry.installed().find(shape, layout);
            long bytes = provider.bytes(shape, layout);
            own.add(provider.create(shape, layout, memory.asSlice(offset, bytes)));
            states.add(own.getLast());
            offset += bytes;
        }
        this.layers = List.copyOf(states);
        this.owned = List.copyOf(own);
    }

    /// Bytes of a stack.
    public static long bytes(List<? extends StateShape> shapes, CacheLayout layout) {
        long sum = 0;
        for (StateShape shape : shapes) {
            if (!(shape instanceof SharedShape)) sum = Math.addExact(sum, StateRegistry.installed().find(shape, layout).bytes(shape, layout));
        }
        return sum;
    }

    public LayerState layer(int index) {
        return layers.get(index);
    }

    /// Tokens stored in every layer, forgotten ones included.
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
        for (LayerState state : owned) state.commit(newLength);
        length = newLength;
    }

    /// Forgets all tokens from `newLength` on, in all layers or, where one of them cannot go back, in none: recurrent layers
    /// and rings go back to nothing, or to a checkpoint.
    public void truncate(int newLength) {
        if (newLength < 0 || newLength > length) {
            throw new IllegalArgumentException("cannot truncate " + length + " tokens to " + newLength);
        }
        for (LayerState state : owned) {
            if (!state.canTruncate(newLength)) throw new IllegalStateException("a state of " + length + " tokens cannot go back to " + newLength);
        }
        for (LayerState state : owned) state.truncate(newLength);
        length = newLength;
    }

    /// Whether all layers keep every token on its own, so that [PrefixCache] can take some of them.
    public boolean keepsTokens() {
        return blockBytes(1) >= 0;
    }

    /// Bytes of a block with room for `room` tokens of all layers, or -1 when some layer does not keep every token on its own.
    long blockBytes(int room) {
        long sum = 0;
        for (LayerState state : owned) {
            if (!(state instanceof TokenBlocks blocks)) return -1;
            sum += blocks.blockBytes(room);
        }
        return sum;
    }

    /// Copies tokens [from, to) of all layers to the places from `at` on of a block.
    void save(int from, int to, int at, int room, MemorySegment block) {
        if (to > length || at + to - from > room) throw new IllegalArgumentException("tokens up to " + to + " of " + length + " at " + at);
        long start = 0;
        for (LayerState state : owned) {
            TokenBlocks blocks = (TokenBlocks) state;
            long bytes = blocks.blockBytes(room);
            blocks.save(from, to, at, room, block.asSlice(start, bytes));
            start += bytes;
        }
    }

    /// Goes on from `from` tokens to `to` with the first ones of a block that [#save] made of a stack of the same shapes.
    void load(int from, int to, int room, MemorySegment block) {
        if (from != length || to > capacity || to - from > room) throw new IllegalArgumentException("tokens " + from + " to " + to + " after " + length);
        long start = 0;
        for (LayerState state : owned) {
            TokenBlocks blocks = (TokenBlocks) state;
            long bytes = blocks.blockBytes(room);
            blocks.load(from, to, 0, room, block.asSlice(start, bytes));
            start += bytes;
        }
        advance(to);
    }

    /// What the stack holds now, as far as truncation cannot bring it back.
    public record Checkpoint(int length, List<LayerState.Mark> marks) {}

    public Checkpoint checkpoint() {
        return new Checkpoint(length, owned.stream().map(LayerState::checkpoint).toList());
    }

    /// Goes back to a checkpoint of this stack; keys and values stored since are forgotten.
    public void restore(Checkpoint checkpoint) {
        if (checkpoint.length() > length) throw new IllegalArgumentException("the checkpoint lies ahead");
        for (int i = 0; i < owned.size(); i++) {
            if (!owned.get(i).holds(checkpoint.marks().get(i))) {
                throw new IllegalArgumentException("the checkpoint does not fit: another shape, or tokens that are forgotten");
            }
        }
        for (int i = 0; i < owned.size(); i++) owned.get(i).restore(checkpoint.marks().get(i));
        length = checkpoint.length();
    }

    @Override
    public void close() {
        scope.close();
    }
}
