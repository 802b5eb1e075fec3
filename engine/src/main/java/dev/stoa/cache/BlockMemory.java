// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Pieces of native memory within a budget. Returned ones wait for the next user of their size, since new memory costs a page
/// fault for every 4 KB, and are freed when another size needs their bytes. For one thread.
final class BlockMemory implements AutoCloseable {
    /// A piece; its first bytes are the user's, what they hold is undefined.
    static final class Piece {
        private final Scope scope;
        private final MemorySegment memory;

        private Piece(Scope scope, long size) {
            this.scope = scope;
            this.memory = scope.allocate(size);
        }

        MemorySegment memory() {
            return memory;
        }
    }

    private final Ledger ledger;
    private final long budget;
    private final List<Piece> waiting = new ArrayList<>();
    private long bytes;

    BlockMemory(Ledger ledger, long budget) {
        this.ledger = ledger;
        this.budget = budget;
    }

    /// A piece of `size` bytes, or null when those in use leave no room.
    Piece take(long size) {
        for (int i = waiting.size() - 1; i >= 0; i--) if (waiting.get(i).memory.byteSize() == size) return waiting.remove(i);
        while (bytes + size > budget && !waiting.isEmpty()) free(waiting.removeFirst());
        if (bytes + size > budget) return null;
        bytes += size;
        return new Piece(ledger.scope("prefix cache"), size);
    }

    void give(Piece piece) {
        waiting.add(piece);
    }

    private void free(Piece piece) {
        bytes -= piece.memory.byteSize();
        piece.scope.close();
    }

    /// Bytes held, waiting pieces included.
    long bytes() {
        return bytes;
    }

    long budget() {
        return budget;
    }

    /// Frees the waiting pieces; those in use must have come back.
    @Override
    public void close() {
        waiting.forEach(this::free);
        waiting.clear();
        if (bytes != 0) throw new IllegalStateException(bytes + " bytes of blocks are still in use");
    }
}
