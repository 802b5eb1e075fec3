// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
    private SafetensorsWriter() {}

    /// Creates or replaces `file` atomically. `format: pt` is added to the metadata, because transformers asks for it.
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        List<TensorItem> items = new ArrayList<>();
        tensors.forEach((name, tensor) -> {
            if (tensor.dtype().quantized()) {
                throw new IllegalArgumentException(name + " is " + tensor.describe() + ", which safetensors cannot hold");
            }
            items.add(TensorItem.copy(name, tensor));
        });
        write(file, items, metadata);
    }

    /// Like [#write(Path, Map, Map)], from items that are encoded when their turn comes.
    public static void write(Path file, List<TensorItem> items, Map<String, String> metadata) throws IOException {
        List<TensorItem> ordered = new ArrayList<>(items);
        ordered.sort(Comparator.comparingInt((TensorItem item) -> -item.dtype().blockBytes()).thenComparing(TensorItem::name));
        byte[] header = header(ordered, metadata);
        AtomicFiles.write(file, channel -> {
            TensorItem.writeFully(channel, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip());
            TensorItem.writeFully(channel, ByteBuffer.wrap(header));
            for (TensorItem item : ordered) item.writeTo(channel);
        });
    }

    private static byte[] header(List<TensorItem> ordered, Map<String, String> metadata) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        ObjectNode texts = json.objectNode();
        TreeMap<String, String> all = new TreeMap<>(metadata);
        all.putIfAbsent("format", "pt");
        all.forEach(texts::put);
        ObjectNode root = json.objectNode();
        root.set("__metadata__", texts);
        long at = 0;
        for (TensorItem item : ordered) {
            ArrayNode shape = json.arrayNode();
            for (long dim : item.shape()) shape.add(dim);
            ObjectNode entry = json.objectNode();
            entry.put("dtype", item.dtype().name());
            entry.set("shape", shape);
            entry.set("data_offsets", json.arrayNode().add(at).add(at + item.bytes()));
            root.set(item.name(), entry);
            at += item.bytes();
        }
        String text = root.toString();
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        return (text + " ".repeat((8 - bytes % 8) % 8)).getBytes(StandardCharsets.UTF_8);
    }
}
