// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The rows of one cross-entropy while tiles of their logits pass: `struct row` of `src/main/c/softmax.h` for each, then
/// their weights.
final class Softmax {
    private static final long ROW = 24;
    /// Floats that a row takes.
    static final int FLOATS = (int) (ROW / 4) + 1;
    private final MemorySegment memory;
    private final int count;

    Softmax(MemorySegment memory, int[] targets, float[] weights) {
        this.memory = memory;
        count = targets.length;
        for (int i = 0; i < count; i++) {
            memory.set(ValueLayout.JAVA_DOUBLE, ROW * i, 0);
            memory.set(ValueLayout.JAVA_FLOAT, ROW * i + 8, Float.NEGATIVE_INFINITY);
            memory.set(ValueLayout.JAVA_FLOAT, ROW * i + 12, 0);
            memory.set(ValueLayout.JAVA_INT, ROW * i + 16, 0);
            memory.set(ValueLayout.JAVA_INT, ROW * i + 20, targets[i]);
            memory.set(ValueLayout.JAVA_FLOAT, ROW * count + 4L * i, weights[i]);
        }
    }

    long address() {
        return memory.address();
    }

    long weights() {
        return memory.address() + ROW * count;
    }

    void read(double[] nll, int[] best) {
        for (int i = 0; i < count; i++) {
            double sum = memory.get(ValueLayout.JAVA_DOUBLE, ROW * i);
            double most = memory.get(ValueLayout.JAVA_FLOAT, ROW * i + 8), own = memory.get(ValueLayout.JAVA_FLOAT, ROW * i + 12);
            nll[i] = most + Math.log(sum) - own;
            best[i] = memory.get(ValueLayout.JAVA_INT, ROW * i + 16);
        }
    }
}
