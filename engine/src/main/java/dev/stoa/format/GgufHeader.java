// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static dev.stoa.EngineFault.BAD_CONTAINER;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What one GGUF file says about itself: magic, version (2 or 3, little-endian), metadata, tensor descriptions; then
/// aligned data. Everything is checked before anything of the data is touched. Offsets count from `dataStart`.
public record GgufHeader(int version, GgufMetadata metadata, List<Entry> entries, int alignment, long dataStart) {
    private static final int MAGIC = 0x46554747; // "GGUF"
    private static final int MAX_RANK = 4;
    private static final int MAX_NAME = 63;
    private static final int MAX_ALIGNMENT = 1 << 20;
    /// Least bytes of a pair (key length, type, a byte) and of a tensor (name length, rank, type, offset).
    private static final int LEAST_PAIR = 13;
    private static final int LEAST_TENSOR = 24;
    private static final int SHOWN_ISSUES = 50;

    /// One tensor: `bytes` bytes at `offset` of the data. The shape is row-major (GGUF's ne reversed).
    public record Entry(String name, DType dtype, List<Long> shape, long offset, long bytes) {
        long[] dims() {
            return shape.stream().mapToLong(Long::longValue).toArray();
        }
    }

    public GgufHeader {
        entries = List.copyOf(entries);
    }

    /// Parses the head of a mapped file; `where` names it in errors.
    static GgufHeader read(MemorySegment file, Path where) {
        GgufCursor cursor = new GgufCursor(file, where);
        int magic = cursor.u32("the magic number");
        if (magic != MAGIC) throw cursor.broken("not a GGUF file", 0, "%08x".formatted(magic), "%08x".formatted(MAGIC));
        int version = cursor.u32("the version");
        if (version != 2 && version != 3) {
            boolean bigEndian = Integer.reverseBytes(version) == 3;
            throw cursor.broken(bigEndian ? "the file is big-endian" : "a GGUF version that is not read", 4,
                    Integer.toUnsignedString(version), "2 or 3, little-endian");
        }
        int tensors = (int) cursor.length("the number of tensors", cursor.remaining() / LEAST_TENSOR);
        int pairs = (int) cursor.length("the number of metadata pairs", cursor.remaining() / LEAST_PAIR);
        Map<String, GgufValue> values = new LinkedHashMap<>();
        for (int i = 0; i < pairs; i++) {
            long begin = cursor.position();
            String key = cursor.text("a metadata key");
            if (key.isEmpty()) throw cursor.broken("a metadata key is empty", begin, "\"\"", "a name");
            if (values.put(key, cursor.value(key)) != null) throw cursor.broken("a metadata key is there twice", begin, key, "once");
        }
        GgufMetadata metadata = new GgufMetadata(where, values);
        int alignment = metadata.integer("general.alignment", 32);
        if (alignment < 1 || alignment > MAX_ALIGNMENT || Integer.bitCount(alignment) != 1) {
            throw metadata.fault("general.alignment", "the alignment is not usable").expected("a power of two up to " + MAX_ALIGNMENT)
                    .next("convert the model again").exception();
        }
        List<String> issues = new ArrayList<>();
        List<String> unsupported = new ArrayList<>();
        Map<String, Entry> entries = new LinkedHashMap<>();
        for (int i = 0; i < tensors; i++) {
            Entry entry = entry(cursor, issues, unsupported);
            if (entry != null && entries.put(entry.name(), entry) != null) issues.add(entry.name() + ": the name is there twice");
        }
        raise(unsupported, EngineFault.UNSUPPORTED_DTYPE, "tensors have types that cannot be computed with", where);
        raise(issues, BAD_CONTAINER, "tensor descriptions are wrong", where);
        long dataStart = tensors == 0 ? cursor.position() : align(cursor.position(), alignment);
        GgufHeader header = new GgufHeader(version, metadata, new ArrayList<>(entries.values()), alignment, dataStart);
        header.requireInside(file.byteSize() - dataStart, where);
        return header;
    }

    private static Entry entry(GgufCursor cursor, List<String> issues, List<String> unsupported) {
        long begin = cursor.position();
        String name = cursor.text("a tensor name");
        if (name.isEmpty() || name.length() > MAX_NAME || name.chars().anyMatch(c -> c < 0x20)) {
            throw cursor.broken("a tensor name is not usable", begin, name.length() + " characters", "1 to " + MAX_NAME);
        }
        long rankAt = cursor.position();
        int rank = cursor.u32("the rank of " + name);
        if (rank < 0 || rank > MAX_RANK) {
            throw cursor.broken("the rank of " + name + " is out of range", rankAt, Integer.toUnsignedString(rank), "0 to " + MAX_RANK);
        }
        Long[] shape = new Long[rank];
        for (int i = rank - 1; i >= 0; i--) shape[i] = cursor.length("a dimension of " + name, Long.MAX_VALUE);
        int id = cursor.u32("the type of " + name);
        long offset = cursor.length("the offset of " + name, Long.MAX_VALUE);
        GgufType type = GgufType.of(id);
        if (type == null) {
            unsupported.add(name + ": ggml type " + Integer.toUnsignedString(id) + ", expected one of " + GgufType.known());
            return null;
        }
        DType dtype = type.dtype();
        long row = rank == 0 ? 1 : shape[rank - 1];
        if (row % dtype.blockElements() != 0) {
            issues.add("%s: rows of %d values do not fill %s blocks of %d".formatted(name, row, dtype, dtype.blockElements()));
            return null;
        }
        try {
            long bytes = Math.multiplyExact(row / dtype.blockElements(), (long) dtype.blockBytes());
            long elements = row;
            for (int i = 0; i < rank - 1; i++) {
                bytes = Math.multiplyExact(bytes, shape[i]);
                elements = Math.multiplyExact(elements, shape[i]);
            }
            if (!SafetensorsHeader.usable(List.of(shape))) throw new ArithmeticException("an empty tensor of huge dimensions");
            return new Entry(name, dtype, List.of(shape), offset, bytes);
        } catch (ArithmeticException overflow) {
            issues.add(name + ": the shape " + List.of(shape) + " is too large");
            return null;
        }
    }

    /// Offsets must be aligned, inside the file and without overlap.
    private void requireInside(long dataBytes, Path where) {
        List<Entry> sorted = new ArrayList<>(entries);
        sorted.sort(Comparator.comparingLong(Entry::offset).thenComparingLong(Entry::bytes));
        List<String> issues = new ArrayList<>();
        long end = 0;
        for (Entry entry : sorted) {
            if (entry.offset() % alignment != 0) issues.add(entry.name() + ": offset " + entry.offset() + " is not aligned to " + alignment);
            if (entry.bytes() > dataBytes || entry.offset() > dataBytes - entry.bytes()) {
                issues.add("%s: %d bytes at %d, but the file has %d bytes of data".formatted(
                        entry.name(), entry.bytes(), entry.offset(), Math.max(0, dataBytes)));
                continue;
            }
            if (entry.bytes() > 0 && entry.offset() < end) issues.add(entry.name() + ": overlaps the tensor before it");
            end = Math.max(end, entry.offset() + entry.bytes());
        }
        raise(issues, BAD_CONTAINER, "tensors do not fit the file", where);
    }

    static long align(long offset, int alignment) {
        return (offset + alignment - 1) / alignment * alignment;
    }

    private static void raise(List<String> issues, EngineFault code, String what, Path where) {
        if (issues.isEmpty()) return;
        throw Fault.of(code, "%d %s", issues.size(), what).where(where).issues(issues.stream().limit(SHOWN_ISSUES).toList())
                .next("fetch or convert the file again").exception();
    }
}
