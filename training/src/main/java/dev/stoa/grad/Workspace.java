// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Float buffers of one training step, reused from step to step, so that memory does not grow after the first ones.
///
/// Buffers are not zeroed. Those given back with [#give] are lent again first (still warm in the cache); [#reset]
/// takes everything back. For one thread.
public final class Workspace {
    private static final long SLAB = 16L << 20;
    private static final long ALIGNMENT = 64;
    private final Scope scope;
    private final List<Slab> slabs = new ArrayList<>();
    private final Map<Long, ArrayDeque<MemorySegment>> returned = new HashMap<>();

    /// Memory comes from `scope` and is freed when that closes.
    public Workspace(Scope scope) {
        this.scope = scope;
    }

    public Tensor f32(long... shape) {
        long bytes = (DType.F32.bytes(Tensor.elements(shape)) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        ArrayDeque<MemorySegment> stack = returned.get(bytes);
        if (stack != null && !stack.isEmpty()) return new Tensor(stack.pop(), DType.F32, shape);
        for (Slab slab : slabs) {
            if (slab.fits(bytes)) return new Tensor(slab.take(bytes), DType.F32, shape);
        }
        Slab slab = new Slab(scope.allocate(Math.max(SLAB, bytes)));
        slabs.add(slab);
        return new Tensor(slab.take(bytes), DType.F32, shape);
    }

    /// Returns a buffer got from [#f32] since the last reset; the caller must not use it any more.
    public void give(Tensor tensor) {
        returned.computeIfAbsent(tensor.data().byteSize(), size -> new ArrayDeque<>()).push(tensor.data());
    }

    /// Takes back every buffer lent since the last reset.
    public void reset() {
        returned.clear();
        for (Slab slab : slabs) slab.used = 0;
    }

    /// Bytes held for reuse.
    public long bytes() {
        long sum = 0;
        for (Slab slab : slabs) sum += slab.memory.byteSize();
        return sum;
    }

    private static final class Slab {
        private final MemorySegment memory;
        private long used;

        Slab(MemorySegment memory) {
            this.memory = memory;
        }

        boolean fits(long bytes) {
            return used + bytes <= memory.byteSize();
        }

        MemorySegment take(long bytes) {
            used += bytes;
            return memory.asSlice(used - bytes, bytes);
        }
    }
}
