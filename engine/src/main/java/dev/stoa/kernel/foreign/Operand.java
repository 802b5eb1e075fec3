// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;

/// Room for the left operand of a product: rows of bfloat16 values, filled up with zeros to whole panels, one plane for each
/// piece. Grows to the largest product; not thread-safe.
final class Operand implements AutoCloseable {
    private final Ledger ledger = new Ledger();
    private Scope scope = ledger.scope("operand");
    private long capacity;
    private long address;
    private long stride;
    private long plane;
    private int pieces;

    /// Makes room for `rows` rows of `depth` values.
    void reserve(int rows, int depth, int pieces) {
        this.pieces = pieces;
        // one panel more than needed, so that rows do not fall into one cache set
        stride = filled(depth) + BfloatKernels.PANEL;
        plane = filled(rows) * stride;
        long needed = 2 * plane * pieces;
        if (needed <= capacity) return;
        scope.close();
        scope = ledger.scope("operand");
        capacity = 0;
        address = scope.allocate(needed).address();
        capacity = needed;
    }

    static long filled(long count) {
        return (count + BfloatKernels.PANEL - 1) / BfloatKernels.PANEL * BfloatKernels.PANEL;
    }

    long address() {
        return address;
    }

    /// Elements from row to row.
    long stride() {
        return stride;
    }

    /// Elements from piece to piece.
    long plane() {
        return plane;
    }

    int pieces() {
        return pieces;
    }

    @Override
    public void close() {
        scope.close();
    }
}
