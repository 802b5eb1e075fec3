// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.WeakHashMap;

/// Memory for weights in large pages where the system has them. Matrices of a scope share slabs: most are smaller than a
/// page of 2 MiB. What is left of a slab is address space, no memory. Thread-safe.
final class LargePages {
    private static final long PAGE = 2 << 20;
    private static final long SLAB = 16 * PAGE;
    private static final long LINE = 64;

    private final MethodHandle map;
    private final MethodHandle unmap;
    private final Map<Scope, Slab> open = new WeakHashMap<>();

    private static final class Slab {
        final MemorySegment memory;
        long used;

        Slab(MemorySegment memory) {
            this.memory = memory;
        }
    }

    LargePages() throws IOException {
        NativeLibrary library = NativeLibrary.load("cpu");
        map = library.function("stoa_map", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
        unmap = library.function("stoa_unmap", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
    }

    /// Zeroed memory of `scope`, aligned to a cache line; ordinary memory where none can be mapped.
    synchronized MemorySegment allocate(Scope scope, long size) {
        if (size >= SLAB / 2) {
            MemorySegment whole = mapped(scope, size);
            return whole == null ? scope.allocate(size) : scope.take(whole, 0, size);
        }
        Slab slab = open.get(scope);
        if (slab == null || slab.memory.byteSize() - slab.used < size) {
            MemorySegment memory = mapped(scope, SLAB);
            if (memory == null) return scope.allocate(size);
            slab = new Slab(memory);
            open.put(scope, slab);
        }
        MemorySegment segment = scope.take(slab.memory, slab.used, size);
        slab.used += (size + LINE - 1) / LINE * LINE;
        return segment;
    }

    /// Whole pages of `scope`, or null.
    @SuppressWarnings("restricted") // The size is the one that was mapped.
    private MemorySegment mapped(Scope scope, long size) {
        long bytes = (size + PAGE - 1) / PAGE * PAGE;
        try {
            long address = (long) map.invokeExact(bytes);
            if (address == 0) return null;
            return scope.adopt(MemorySegment.ofAddress(address).reinterpret(bytes), () -> unmap(address, bytes));
        } catch (Throwable e) {
            throw NativeKernels.impossible(e);
        }
    }

    private void unmap(long address, long bytes) {
        try {
            unmap.invokeExact(address, bytes);
        } catch (Throwable e) {
            throw NativeKernels.impossible(e);
        }
    }
}
