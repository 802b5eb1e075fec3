// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;

/// Room for rounded rows: quants, scales and sums, by address for C. Grows to the largest product; not thread-safe.
final class Activations implements AutoCloseable {
    /// Bytes behind scales and sums: whole vectors are read.
    private static final int SLACK = 64;
    private final Ledger ledger = new Ledger();
    private Scope scope = ledger.scope("activations");
    private long capacity;
    private long quants;
    private long scales;
    private long sums;

    /// Room for `rows` rows of `blocks` blocks.
    void reserve(int rows, int blocks) {
        long needed = (long) rows * blocks;
        if (needed <= capacity) return;
        scope.close();
        scope = ledger.scope("activations");
        capacity = 0;
        quants = scope.allocate(32 * needed).address();
        scales = scope.allocate(4 * needed + SLACK).address();
        sums = scope.allocate(8 * needed + SLACK).address();
        capacity = needed;
    }

    long quants() {
        return quants;
    }

    long scales() {
        return scales;
    }

    long sums() {
        return sums;
    }

    @Override
    public void close() {
        scope.close();
    }
}
