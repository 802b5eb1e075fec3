// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// One worker's room for attention in C: a block of columns, packed keys and values, scores. Grows by halves; not thread-safe.
final class AttentionSpace implements AutoCloseable {
    private final Ledger ledger = new Ledger();
    private final Scope fixed = ledger.scope("attention columns");
    private final MemorySegment places = fixed.allocate(8L * NativeAttention.MOST_COLUMNS);
    private final MemorySegment firsts = fixed.allocate(4L * NativeAttention.MOST_COLUMNS);
    private final MemorySegment lengths = fixed.allocate(4L * NativeAttention.MOST_COLUMNS);
    private Scope packedScope = ledger.scope("attention operands");
    private Scope workScope = ledger.scope("attention scores");
    private MemorySegment packed = MemorySegment.NULL;
    private MemorySegment work = MemorySegment.NULL;
    private long half;

    /// Column `column` begins at float `place` of q and out and sees slots [first, length).
    void column(int column, long place, int first, int length) {
        places.setAtIndex(ValueLayout.JAVA_LONG, column, place);
        firsts.setAtIndex(ValueLayout.JAVA_INT, column, first);
        lengths.setAtIndex(ValueLayout.JAVA_INT, column, length);
    }

    /// Room for packed keys and values of `span` slots.
    void reservePacked(int span, int dim) {
        half = 2L * span * Math.ceilDiv(dim, NativeAttention.BLOCK) * NativeAttention.BLOCK;
        if (packed.byteSize() >= 4 * half) return;
        long bytes = Math.max(4 * half, packed.byteSize() + packed.byteSize() / 2);
        packedScope.close();
        packed = MemorySegment.NULL;
        packedScope = ledger.scope("attention operands");
        packed = packedScope.allocate(bytes);
    }

    void reserveWork(long bytes) {
        if (work.byteSize() >= bytes) return;
        long more = Math.max(bytes, work.byteSize() + work.byteSize() / 2);
        workScope.close();
        work = MemorySegment.NULL;
        workScope = ledger.scope("attention scores");
        work = workScope.allocate(more);
    }

    long places() {
        return places.address();
    }

    long firsts() {
        return firsts.address();
    }

    long lengths() {
        return lengths.address();
    }

    long keys() {
        return packed.address();
    }

    long values() {
        return packed.address() + 2 * half;
    }

    /// Bytes between the high and the low parts of keys, and of values.
    long half() {
        return half;
    }

    long work() {
        return work.address();
    }

    @Override
    public void close() {
        fixed.close();
        packedScope.close();
        workScope.close();
    }
}
