// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// The first `keep` tokens and the newest ones, of which a token sees `recent` (itself included), in a fixed number of
/// slots. When the slots run out, what is still seen moves to their front, so that a token and what it sees always stand in
/// one run and attention reads them as it reads a [KvSlab]. They move by multiples of [#STEP], which keeps tiles that
/// kernels align to positions where they are; so a window's results have the bits of a cache that forgets nothing.
///
/// With `keep` > 0 the run of a token past the first `keep + recent` begins with the kept ones only between [#expose] and
/// [#conceal]. Does not own its memory.
public final class KvRing implements KvState {
    static final int STEP = 64;
    private final KvShape shape;
    private final int capacity;
    private final int keep;
    private final int recent;
    private final MemorySegment keys;
    private final MemorySegment values;
    private int base;
    private int length;
    private int reached;
    private int exposed = -1;
    private byte[] hidden;

    KvRing(KvShape shape, int capacity, int keep, int recent, MemorySegment memory) {
        this.shape = shape;
        this.capacity = capacity;
        this.keep = keep;
        this.recent = recent;
        long keyBytes = shape.keyBytes(capacity);
        this.keys = memory.asSlice(0, keyBytes);
        this.values = memory.asSlice(keyBytes, shape.valueBytes(capacity));
    }

    /// Slots for passes of at most `chunk` tokens.
    static int slots(int keep, int recent, int chunk) {
        return (int) Math.min(Integer.MAX_VALUE, Math.ceilDiv((long) keep + recent + chunk + STEP, 32) * 32);
    }

    @Override
    public void put(int position, Tensor k, Tensor v, int row) {
        if (position < length) throw new IllegalArgumentException("the token at " + position + " is stored already");
        if (slot(position) >= capacity) makeRoom();
        if (slot(position) >= capacity) {
            throw new IllegalArgumentException("tokens from " + length + " to " + position + " are more than a pass may bring");
        }
        KvState.spread(k, row, keys, shape.kvHeads(), shape.keyDim(), capacity, slot(position));
        if (shape.valueDim() > 0) KvState.spread(v, row, values, shape.kvHeads(), shape.valueDim(), capacity, slot(position));
        reached = position + 1;
    }

    /// Moves what the token after the committed ones sees, and everything newer, towards the front.
    private void makeRoom() {
        int from = Math.max(keep, length - recent + 1);
        int newBase = (from - keep) / STEP * STEP;
        if (newBase <= base) return;
        move(keys, shape.keyDim(), newBase);
        move(values, shape.valueDim(), newBase);
        base = newBase;
    }

    private void move(MemorySegment of, int dim, int newBase) {
        long token = (long) dim * Float.BYTES;
        for (int h = 0; h < shape.kvHeads(); h++) {
            long head = h * capacity * token;
            MemorySegment.copy(of, head + (newBase - base + keep) * token, of, head + keep * token, (reached - newBase - keep) * token);
        }
    }

    @Override
    public int slot(int position) {
        return position < keep ? position : position - base;
    }

    /// Whether a token at `position` no longer sees all earlier ones, with kept ones before the gap.
    public boolean gap(int position) {
        return keep > 0 && position >= keep + recent;
    }

    /// Puts the kept tokens right before the oldest recent one that `position` sees; answers the first slot of the run.
    /// [#conceal] gives back what stood there.
    public int expose(int position) {
        if (exposed >= 0) throw new IllegalStateException("one token at a time");
        exposed = slot(position - recent + 1) - keep;
        long keyToken = 4L * shape.keyDim();
        long valueToken = 4L * shape.valueDim();
        long perHead = keep * (keyToken + valueToken);
        if (hidden == null) hidden = new byte[Math.toIntExact(shape.kvHeads() * perHead)];
        MemorySegment saved = MemorySegment.ofArray(hidden);
        for (int h = 0; h < shape.kvHeads(); h++) {
            swapIn(keys, h * capacity * keyToken, keyToken, saved, h * perHead);
            swapIn(values, h * capacity * valueToken, valueToken, saved, h * perHead + keep * keyToken);
        }
        return exposed;
    }

    private void swapIn(MemorySegment of, long head, long token, MemorySegment saved, long at) {
        MemorySegment.copy(of, head + exposed * token, saved, at, keep * token);
        MemorySegment.copy(of, head, of, head + exposed * token, keep * token);
    }

    /// Ends [#expose].
    public void conceal() {
        long keyToken = 4L * shape.keyDim();
        long valueToken = 4L * shape.valueDim();
        long perHead = keep * (keyToken + valueToken);
        MemorySegment saved = MemorySegment.ofArray(hidden);
        for (int h = 0; h < shape.kvHeads(); h++) {
            MemorySegment.copy(saved, h * perHead, keys, (h * (long) capacity + exposed) * keyToken, keep * keyToken);
            MemorySegment.copy(saved, h * perHead + keep * keyToken, values, (h * (long) capacity + exposed) * valueToken, keep * valueToken);
        }
        exposed = -1;
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
    public KvShape shape() {
        return shape;
    }

    @Override
    public void commit(int newLength) {
        length = newLength;
    }

    /// What the token at `newLength` would see must still be there.
    @Override
    public boolean canTruncate(int newLength) {
        return newLength == 0 || newLength <= length && Math.max(keep, newLength - recent + 1) >= base + keep;
    }

    @Override
    public void truncate(int newLength) {
        if (newLength == 0) base = 0;
        length = reached = newLength;
    }

    @Override
    public Mark checkpoint() {
        return new Mark(length, new float[0]);
    }
}
