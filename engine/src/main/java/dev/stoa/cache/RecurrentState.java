// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The state of one recurrent layer of one sequence, twice: what is committed, and what the running pass works on. A
/// pass that fails leaves the committed state as it was. Does not own its memory; one thread at a time.
public final class RecurrentState implements LayerState {
    private final MemorySegment committed;
    private final MemorySegment working;
    private final List<Tensor> slots = new ArrayList<>();
    private int length;
    private int reached;

    RecurrentState(RecurrentShape shape, MemorySegment memory) {
        long half = memory.byteSize() / 2;
        committed = memory.asSlice(0, half);
        working = memory.asSlice(half, half);
        long at = 0;
        for (RecurrentShape.Slot slot : shape.slots()) {
            slots.add(new Tensor(working.asSlice(at, slot.floats() * Float.BYTES), DType.F32, slot.dims()));
            at += slot.floats() * Float.BYTES;
        }
    }

    /// Prepares for tokens [position, position + count): they must follow the committed ones, or those of this pass.
    public void begin(int position, int count) {
        if (position == length) {
            working.copyFrom(committed);
        } else if (position != reached) {
            throw new IllegalArgumentException("tokens from " + position + " do not follow " + length);
        }
        reached = position + count;
    }

    /// The working copy of a slot, with the slot's dimensions.
    public Tensor slot(int index) {
        return slots.get(index);
    }

    public int length() {
        return length;
    }

    @Override
    public Mark checkpoint() {
        float[] values = new float[Math.toIntExact(committed.byteSize() / Float.BYTES)];
        MemorySegment.copy(committed, Tensor.FLOAT, 0, values, 0, values.length);
        return new Mark(length, values);
    }

    @Override
    public boolean holds(Mark mark) {
        return mark.values().length * (long) Float.BYTES == committed.byteSize();
    }

    @Override
    public void restore(Mark mark) {
        MemorySegment.copy(mark.values(), 0, committed, Tensor.FLOAT, 0, mark.values().length);
        length = reached = mark.length();
    }

    /// Declares the working state committed at `newLength` tokens.
    @Override
    public void commit(int newLength) {
        if (newLength == length) return;
        if (newLength != reached) throw new IllegalStateException("the state reached " + reached + ", not " + newLength);
        committed.copyFrom(working);
        length = newLength;
    }

    /// A sum over tokens cannot forget some of them.
    @Override
    public boolean canTruncate(int newLength) {
        return newLength == 0 || newLength == length;
    }

    @Override
    public void truncate(int newLength) {
        if (newLength == length) return;
        committed.fill((byte) 0);
        length = reached = 0;
    }
}
