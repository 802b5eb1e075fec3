// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.util.concurrent.atomic.AtomicLong;

/// Owns off-heap memory: everything allocated or mapped here lives until [#close], which returns exactly
/// the counted bytes to the ledger. Allocation and use are thread-safe; close is the owner's duty.
public final class Scope implements AutoCloseable {
    private static final long ALIGNMENT = 64;
    private final Ledger ledger;
    private final String name;
    private final Arena arena = Arena.ofShared();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong mapped = new AtomicLong();

    Scope(Ledger ledger, String name) {
        this.ledger = ledger;
        this.name = name;
    }

    public String name() {
        return name;
    }

    public long bytes() {
        return bytes.get();
    }

    /// Zeroed memory, 64-byte aligned.
    public MemorySegment allocate(long size) {
        MemorySegment segment = arena.allocate(size, ALIGNMENT);
        bytes.addAndGet(size);
        ledger.add(size);
        return segment;
    }

    /// Memory that something else provides lives as long as this scope; `release` gives it back. Nothing is counted: [#take] does.
    @SuppressWarnings("restricted") // The caller vouches for the memory.
    public MemorySegment adopt(MemorySegment memory, Runnable release) {
        return memory.reinterpret(arena, _ -> release.run());
    }

    /// Bytes [offset, offset + size) of memory that was adopted, counted as if they were allocated here.
    public MemorySegment take(MemorySegment adopted, long offset, long size) {
        MemorySegment segment = adopted.asSlice(offset, size);
        bytes.addAndGet(size);
        ledger.add(size);
        return segment;
    }

    /// A zeroed tensor.
    public Tensor tensor(DType dtype, long... shape) {
        return new Tensor(allocate(dtype.bytes(Tensor.elements(shape))), dtype, shape);
    }

    public Tensor f32(long... shape) {
        return tensor(DType.F32, shape);
    }

    /// A read-only mapping of [offset, offset + size) of a file; counted apart as mapped bytes.
    public MemorySegment map(FileChannel channel, long offset, long size) throws IOException {
        MemorySegment segment = channel.map(FileChannel.MapMode.READ_ONLY, offset, size, arena);
        mapped.addAndGet(size);
        ledger.addMapped(size);
        return segment;
    }

    @Override
    public void close() {
        arena.close();
        ledger.add(-bytes.getAndSet(0));
        ledger.addMapped(-mapped.getAndSet(0));
    }
}
