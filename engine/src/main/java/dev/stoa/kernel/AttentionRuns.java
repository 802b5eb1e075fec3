// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.kernel.Attention.Row;

/// Neighbouring rows that share their keys and values: what a kernel may compute together. Reused from call to call.
public final class AttentionRuns {
    private int count;
    private int[] starts = new int[2];

    /// Cuts `rows` into runs, as long as they can be.
    public void cut(Row[] rows) {
        if (starts.length <= rows.length) starts = new int[rows.length + 1];
        count = 0;
        for (int row = 0; row < rows.length; row++) {
            if (row == 0 || !shared(rows[row - 1], rows[row])) starts[count++] = row;
        }
        starts[count] = rows.length;
    }

    private static boolean shared(Row a, Row b) {
        return a.keys() == b.keys() && a.values() == b.values() && a.capacity() == b.capacity();
    }

    public int count() {
        return count;
    }

    /// First row of a run.
    public int start(int run) {
        return starts[run];
    }

    /// The row after its last one.
    public int end(int run) {
        return starts[run + 1];
    }
}
