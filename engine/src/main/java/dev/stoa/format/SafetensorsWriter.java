// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Writes a safetensors file as the reference library lays it out: wider elements first, then by name, data
/// 8-aligned. The bytes depend only on the tensors and the metadata.
public final class SafetensorsWriter {
    private static final int CHUNK = 1 << 20;

    private SafetensorsWriter() {}

    /// Creates or replaces `file` atomically. `format: pt` is added to the metadata, because transformers asks for it.
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        List<Map.Entry<String, Tensor>> ordered = new ArrayList<>(new TreeMap<>(tensors).entrySet());
        ordered.sort(Comparator.comparingInt((Map.Entry<String, Tensor> item) -> -item.getValue().dtype().blockBytes()));
        byte[] header = header(ordered, metadata);
        AtomicFiles.write(file, channel -> {
            writeFully(channel, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip());
            writeFully(channel, ByteBuffer.wrap(header));
            byte[] chunk = new byte[CHUNK];
            for (Map.Entry<String, Tensor> item : ordered) {
                writeFully(channel, item.getValue().data().asSlice(0, item.getValue().bytes()), chunk);
            }
        });
    }

    private static byte[] header(List<Map.Entry<String, Tensor>> ordered, Map<String, String> metadata) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        ObjectNode texts = json.objectNode();
        TreeMap<String, String> all = new TreeMap<>(metadata);
        all.putIfAbsent("format", "pt");
        all.forEach(texts::put);
        ObjectNode root = json.objectNode();
        root.set("__metadata__", texts);
        long at = 0;
        for (Map.Entry<String, Tensor> item : ordered) {
            Tensor tensor = item.getValue();
            if (tensor.dtype().quantized()) {
                throw new IllegalArgumentException(item.getKey() + " is " + tensor.dtype() + ", which safetensors cannot hold");
            }
            ArrayNode shape = json.arrayNode();
            for (long dim : tensor.shape()) shape.add(dim);
            ObjectNode entry = json.objectNode();
            entry.put("dtype", tensor.dtype().name());
            entry.set("shape", shape);
            entry.set("data_offsets", json.arrayNode().add(at).add(at + tensor.bytes()));
            root.set(item.getKey(), entry);
            at += tensor.bytes();
        }
        String text = root.toString();
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        return (text + " ".repeat((8 - bytes % 8) % 8)).getBytes(StandardCharsets.UTF_8);
    }

    private static void writeFully(FileChannel channel, MemorySegment data, byte[] chunk) throws IOException {
        MemorySegment window = MemorySegment.ofArray(chunk);
        for (long at = 0; at < data.byteSize(); at += chunk.length) {
            int n = (int) Math.min(chunk.length, data.byteSize() - at);
            MemorySegment.copy(data, at, window, 0, n);
            writeFully(channel, ByteBuffer.wrap(chunk, 0, n));
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) channel.write(bytes);
    }
}
