// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static dev.stoa.EngineFault.BAD_CONTAINER;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/// What a safetensors file says about itself: u64 header length, JSON, then data without holes.
/// Everything is checked before anything of the data is touched. Offsets count from `dataStart`.
public record SafetensorsHeader(SortedMap<String, Entry> entries, Map<String, String> metadata, long dataStart) {
    /// Header lengths beyond this are refused, as in the reference implementation.
    static final long MAX_HEADER = 100_000_000;
    private static final int MAX_RANK = 32;
    private static final int SHOWN_ISSUES = 50;
    private static final Set<DType> DTYPES = EnumSet.range(DType.F64, DType.F8_E5M2);

    /// One tensor: bytes [begin, end) of the data.
    public record Entry(DType dtype, List<Long> shape, long begin, long end) {
        long[] dims() {
            return shape.stream().mapToLong(Long::longValue).toArray();
        }
    }

    /// Reads and validates the header of an open file; `where` names it in errors.
    public static SafetensorsHeader read(FileChannel channel, Path where) throws IOException {
        long size = channel.size();
        if (size < 8) throw broken("the file is too short for a safetensors header", where, size + " bytes", "at least 10");
        long length = readFully(channel, 0, 8, where).getLong();
        if (length < 2 || length > MAX_HEADER) {
            throw broken("the header length is out of range", where, Long.toUnsignedString(length), "2 to " + MAX_HEADER);
        }
        if (length > size - 8) {
            throw broken("the file ends inside its header", where, size + " bytes", "at least " + (length + 8));
        }
        byte[] json = readFully(channel, 8, (int) length, where).array();
        if (json[0] != '{') throw broken("the header is not a JSON object", where, "byte " + json[0], "'{'");
        JsonNode root = Json.parse(json, where + " (header)", BAD_CONTAINER);
        SafetensorsHeader header = parse(root, 8 + length, where);
        header.requireContiguous(size - 8 - length, where);
        return header;
    }

    private static SafetensorsHeader parse(JsonNode root, long dataStart, Path where) {
        SortedMap<String, Entry> entries = new TreeMap<>();
        Map<String, String> metadata = Map.of();
        List<String> issues = new ArrayList<>();
        for (Map.Entry<String, JsonNode> property : root.properties()) {
            if (property.getKey().equals("__metadata__")) metadata = metadata(property.getValue(), where);
            else {
                try {
                    entries.put(property.getKey(), entry(property.getKey(), property.getValue(), where));
                } catch (FaultException problem) {
                    Fault fault = problem.fault();
                    if (fault.code() == EngineFault.UNSUPPORTED_DTYPE) throw problem;
                    issues.add("%s: %s, got %s, expected %s".formatted(
                            fault.where(), fault.what(), fault.got(), fault.expected()));
                }
            }
        }
        raise(issues, "tensor descriptions are wrong", where);
        return new SafetensorsHeader(entries, metadata, dataStart);
    }

    private static Map<String, String> metadata(JsonNode node, Path where) {
        if (node.isNull()) return Map.of(); // MLX writes null when it has nothing to say
        Map<String, String> metadata = new TreeMap<>();
        boolean ok = node.isObject();
        if (ok) for (Map.Entry<String, JsonNode> item : node.properties()) ok &= item.getValue().isString();
        if (!ok) throw broken("__metadata__ must map strings to strings", where, clip(node), "{\"key\": \"text\"}");
        for (Map.Entry<String, JsonNode> item : node.properties()) metadata.put(item.getKey(), item.getValue().stringValue());
        return Map.copyOf(metadata);
    }

    private static Entry entry(String name, JsonNode node, Path where) {
        if (!node.isObject() || node.size() != 3 || !node.has("dtype") || !node.has("shape") || !node.has("data_offsets")) {
            throw broken("bad description", name, clip(node), "exactly dtype, shape, data_offsets");
        }
        DType dtype = dtype(name, node.get("dtype"), where);
        long[] shape = longs(name, "shape", node.get("shape"));
        long[] offsets = longs(name, "data_offsets", node.get("data_offsets"));
        if (offsets.length != 2 || offsets[1] < offsets[0]) {
            throw broken("bad data_offsets", name, clip(node.get("data_offsets")), "[begin, end] with begin <= end");
        }
        long bytes = dtype.blockBytes();
        try {
            for (long dim : shape) bytes = Math.multiplyExact(bytes, dim);
        } catch (ArithmeticException overflow) {
            throw broken("the shape is too large", name, clip(node.get("shape")), "a product below 2^63");
        }
        if (offsets[1] - offsets[0] != bytes) {
            throw broken("data_offsets do not fit dtype and shape", name, offsets[1] - offsets[0] + " bytes", bytes);
        }
        List<Long> dims = new ArrayList<>(shape.length);
        for (long dim : shape) dims.add(dim);
        if (!usable(dims)) throw broken("the shape of an empty tensor is too large", name, clip(node.get("shape")), "dimensions below 2^31");
        return new Entry(dtype, List.copyOf(dims), offsets[0], offsets[1]);
    }

    /// Whether rows and columns can be counted: an empty tensor may claim dimensions that no data bounds.
    static boolean usable(List<Long> shape) {
        if (!shape.contains(0L)) return true;
        long product = 1;
        for (long dim : shape) {
            if (dim > Integer.MAX_VALUE || product * Math.max(1, dim) > Integer.MAX_VALUE) return false;
            product *= Math.max(1, dim);
        }
        return true;
    }

    private static DType dtype(String name, JsonNode node, Path where) {
        String text = node.isString() ? node.stringValue() : "";
        for (DType dtype : DTYPES) if (dtype.name().equals(text)) return dtype;
        throw Fault.of(EngineFault.UNSUPPORTED_DTYPE, "unknown dtype of tensor %s", name).where(where).got(clip(node))
                .expected("one of " + DTYPES).next("convert the file to one of these types").exception();
    }

    private static long[] longs(String name, String field, JsonNode node) {
        boolean ok = node.isArray() && node.size() <= MAX_RANK;
        long[] values = new long[ok ? node.size() : 0];
        for (int i = 0; i < values.length; i++) {
            JsonNode item = node.get(i);
            ok &= item.isIntegralNumber() && item.canConvertToLong() && item.longValue() >= 0;
            if (ok) values[i] = item.longValue();
        }
        if (!ok) throw broken("bad " + field, name, clip(node), "at most " + MAX_RANK + " non-negative integers");
        return values;
    }

    private void requireContiguous(long dataBytes, Path where) {
        List<Map.Entry<String, Entry>> sorted = new ArrayList<>(entries.entrySet());
        sorted.sort(Comparator.comparingLong((Map.Entry<String, Entry> item) -> item.getValue().begin())
                .thenComparingLong(item -> item.getValue().end()));
        List<String> issues = new ArrayList<>();
        long at = 0;
        for (Map.Entry<String, Entry> item : sorted) {
            long begin = item.getValue().begin();
            if (begin != at) {
                issues.add("%s: %s, begins at %d, expected %d".formatted(
                        item.getKey(), begin < at ? "overlaps the tensor before it" : "hole before it", begin, at));
            }
            at = Math.max(at, item.getValue().end());
        }
        raise(issues, "tensors overlap or leave holes", where);
        if (at != dataBytes) {
            throw broken(at > dataBytes ? "the file is cut short" : "bytes follow the last tensor", where,
                    dataBytes + " data bytes", at);
        }
    }

    private static void raise(List<String> issues, String what, Path where) {
        if (issues.isEmpty()) return;
        throw Fault.of(BAD_CONTAINER, "%d %s", issues.size(), what).where(where)
                .issues(issues.stream().limit(SHOWN_ISSUES).collect(Collectors.toList()))
                .next("fetch or write the file again").exception();
    }

    private static ByteBuffer readFully(FileChannel channel, long at, int length, Path where) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, at + buffer.position()) < 0) {
                throw new IOException(where + " became shorter while it was read");
            }
        }
        return buffer.flip();
    }

    private static String clip(Object value) {
        String text = String.valueOf(value);
        return text.length() <= 80 ? text : text.substring(0, 80) + "...";
    }

    private static FaultException broken(String what, Object where, Object got, Object expected) {
        return Fault.of(BAD_CONTAINER, what).where(where).got(got).expected(expected)
                .next("fetch or write the file again").exception();
    }
}
