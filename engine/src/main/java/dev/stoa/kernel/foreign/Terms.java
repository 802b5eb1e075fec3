// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.tensor.Scope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The terms of one sum of products, as `struct term` of `src/main/c/bf16.h`.
final class Terms {
    private static final int MOST = 2;
    private static final long BYTES = 96;
    private final MemorySegment memory;
    private int count;

    Terms(Scope scope) {
        memory = scope.allocate(MOST * BYTES);
    }

    Terms clear() {
        count = 0;
        return this;
    }

    /// The operand, from element `skip` of each row on, times scale * w (outputs, inputs), transposed unless `back`.
    Terms add(Operand operand, long skip, long w, long rowBytes, int outputs, int inputs, int format, int pieces, boolean back, float scale) {
        long at = count++ * BYTES;
        long[] values = {w, rowBytes, outputs, inputs, format, back ? 1 : 0, operand.address() + 2 * skip, operand.stride(), operand.plane(),
                operand.pieces(), pieces, Double.doubleToRawLongBits(scale)};
        for (int i = 0; i < values.length; i++) memory.set(ValueLayout.JAVA_LONG, at + 8L * i, values[i]);
        return this;
    }

    int count() {
        return count;
    }

    long address() {
        return memory.address();
    }
}
