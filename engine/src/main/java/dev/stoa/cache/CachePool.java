// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Ledger;
import java.util.ArrayList;
import java.util.List;

/// Lends cache stacks to sequences within a byte budget and keeps returned ones for the next borrower, since opening
/// and closing native memory costs more than a short prompt. Used by the engine's thread only.
public final class CachePool implements AutoCloseable {
    private static final int GRANULE = 32;
    private final List<StateShape> shapes;
    private final CacheLayout layout;
    private final Ledger ledger;
    private final long budget;
    private final List<CacheStack> idle = new ArrayList<>();
    private long lentBytes;
    private long idleBytes;
    private int lent;

    /// Stacks laid out as `layout` says, whose capacity does not matter. Refuses shapes that have no cache of its mode.
    public CachePool(List<? extends StateShape> shapes, CacheLayout layout, Ledger ledger, long budgetBytes) {
        this.shapes = List.copyOf(shapes);
        this.layout = layout;
        CacheStack.bytes(shapes, layout.withCapacity(Integer.MAX_VALUE));
        this.ledger = ledger;
        this.budget = budgetBytes;
    }

    /// Tokens rounded up to the capacity a stack for them has.
    public static int capacity(int tokens) {
        return Math.ceilDiv(tokens, GRANULE) * GRANULE;
    }

    /// Bytes one sequence of `tokens` tokens takes.
    public long bytes(int tokens) {
        return CacheStack.bytes(shapes, layout.withCapacity(capacity(tokens)));
    }

    public long budget() {
        return budget;
    }

    /// An empty stack for at least `tokens` tokens, or null when the budget does not allow it now.
    public CacheStack lend(int tokens) {
        int needed = capacity(tokens);
        CacheStack stack = takeIdle(needed);
        if (stack == null) {
            CacheLayout sized = layout.withCapacity(needed);
            long bytes = CacheStack.bytes(shapes, sized);
            while (lentBytes + idleBytes + bytes > budget && !idle.isEmpty()) drop(idle.removeFirst());
            if (lentBytes + bytes > budget) return null;
            stack = new CacheStack(shapes, sized, ledger);
        }
        lent++;
        lentBytes += stack.bytes();
        return stack;
    }

    public void giveBack(CacheStack stack) {
        stack.truncate(0);
        lent--;
        lentBytes -= stack.bytes();
        idle.add(stack);
        idleBytes += stack.bytes();
    }

    /// Stacks lent now; zero when nothing runs.
    public int lent() {
        return lent;
    }

    public long lentBytes() {
        return lentBytes;
    }

    /// The smallest idle stack that fits without wasting more than half of it.
    private CacheStack takeIdle(int needed) {
        CacheStack best = null;
        for (CacheStack stack : idle) {
            boolean fits = stack.capacity() >= needed && stack.capacity() <= 2 * needed;
            if (fits && (best == null || stack.capacity() < best.capacity())) best = stack;
        }
        if (best == null) return null;
        idle.remove(best);
        idleBytes -= best.bytes();
        return best;
    }

    private void drop(CacheStack stack) {
        idleBytes -= stack.bytes();
        stack.close();
    }

    /// Frees the idle stacks; lent ones must have come back.
    @Override
    public void close() {
        while (!idle.isEmpty()) drop(idle.removeFirst());
        if (lent != 0) throw new IllegalStateException(lent + " cache stacks are still lent");
    }
}
