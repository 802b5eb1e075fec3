// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Test tensors that lie between poisoned bytes, off any alignment: who reads past an end computes NaN, who writes
/// past one is caught by [#check].
final class Poisoned {
    private static final int MARGIN = 4 * 67;
    private static final int POISON = 0x7fc0dead;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private final Scope scope;
    private final Random random;
    private final List<MemorySegment> margins = new ArrayList<>();

    Poisoned(Scope scope, long seed) {
        this.scope = scope;
        this.random = new Random(seed);
    }

    /// A zeroed tensor.
    Tensor zeros(DType dtype, long... shape) {
        long bytes = dtype.bytes(Tensor.elements(shape));
        MemorySegment all = scope.allocate(bytes + 2 * MARGIN);
        for (MemorySegment margin : List.of(all.asSlice(0, MARGIN), all.asSlice(MARGIN + bytes, MARGIN))) {
            for (long i = 0; i < MARGIN; i += 4) margin.set(INT, i, POISON);
            margins.add(margin);
        }
        return new Tensor(all.asSlice(MARGIN, bytes), dtype, shape);
    }

    /// Uniform in [-1, 1).
    Tensor uniform(long... shape) {
        Tensor tensor = zeros(DType.F32, shape);
        for (long i = 0; i < tensor.elements(); i++) tensor.set(i, random.nextFloat() * 2 - 1);
        return tensor;
    }

    Tensor copy(Tensor source) {
        Tensor tensor = zeros(source.dtype(), source.shape());
        tensor.data().copyFrom(source.data());
        return tensor;
    }

    void check() {
        for (MemorySegment margin : margins) {
            for (long i = 0; i < MARGIN; i += 4) assertThat(margin.get(INT, i)).as("poison at %d", i).isEqualTo(POISON);
        }
    }
}
