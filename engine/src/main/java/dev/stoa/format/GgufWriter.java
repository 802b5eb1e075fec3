// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.DType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// Writes a GGUF file of version 3, little-endian, aligned to 32 bytes or to what `general.alignment` says. Order of pairs
/// and tensors is the caller's; the bytes depend on nothing else.
public final class GgufWriter {
    private static final int MAX_RANK = 4;
    private static final int MAX_NAME = 63;

    private GgufWriter() {}

    /// Creates or replaces `file` atomically; bodies are written one after another.
    public static void write(Path file, Map<String, GgufValue> metadata, List<TensorItem> tensors) throws IOException {
        int alignment = metadata.containsKey("general.alignment") ? (int) metadata.get("general.alignment").integer(0) : 32;
        if (alignment < 1 || Integer.bitCount(alignment) != 1) throw new IllegalArgumentException("general.alignment is " + alignment);
        byte[] head = head(metadata, tensors, alignment);
        AtomicFiles.write(file, channel -> {
            TensorItem.writeFully(channel, ByteBuffer.wrap(head));
            for (TensorItem tensor : tensors) {
                tensor.writeTo(channel);
                pad(channel, tensor.bytes(), alignment);
            }
        });
    }

    private static byte[] head(Map<String, GgufValue> metadata, List<TensorItem> tensors, int alignment) {
        Bytes head = new Bytes();
        head.i32(0x46554747).i32(3).i64(tensors.size()).i64(metadata.size());
        metadata.forEach((key, value) -> head.text(key).value(value));
        long offset = 0;
        for (TensorItem tensor : tensors) {
            long[] shape = tensor.shape();
            GgufType type = GgufType.of(tensor.dtype());
            if (type == null || shape.length > MAX_RANK || tensor.name().getBytes(StandardCharsets.UTF_8).length > MAX_NAME) {
                throw new IllegalArgumentException("GGUF cannot hold " + tensor.name() + " " + tensor.dtype() + " of rank " + shape.length);
            }
            head.text(tensor.name()).i32(shape.length);
            for (int i = shape.length - 1; i >= 0; i--) head.i64(shape[i]);
            head.i32(type.id()).i64(offset);
            offset = GgufHeader.align(offset + tensor.bytes(), alignment);
        }
        while (head.out.size() % alignment != 0) head.i8(0);
        return head.out.toByteArray();
    }

    private static void pad(WritableByteChannel out, long bytes, int alignment) throws IOException {
        TensorItem.writeFully(out, ByteBuffer.allocate((int) (GgufHeader.align(bytes, alignment) - bytes)));
    }

    /// Whether a tensor of this type can be stored.
    public static boolean holds(DType dtype) {
        return GgufType.of(dtype) != null;
    }

    /// Little-endian pieces of the head.
    private static final class Bytes {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Bytes i8(int value) {
            out.write(value);
            return this;
        }

        Bytes i16(int value) {
            return i8(value).i8(value >> 8);
        }

        Bytes i32(int value) {
            return i16(value).i16(value >> 16);
        }

        Bytes i64(long value) {
            return i32((int) value).i32((int) (value >> 32));
        }

        Bytes text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            i64(utf8.length).out.writeBytes(utf8);
            return this;
        }

        void value(GgufValue value) {
            if (value.array()) i32(9).i32(value.kind().id()).i64(value.size());
            else i32(value.kind().id());
            for (int i = 0; i < value.size(); i++) {
                switch (value.kind()) {
                    case U8, I8 -> i8((int) value.integer(i));
                    case U16, I16 -> i16((int) value.integer(i));
                    case U32, I32 -> i32((int) value.integer(i));
                    case U64, I64 -> i64(value.integer(i));
                    case F32 -> i32(Float.floatToRawIntBits((float) value.number(i)));
                    case F64 -> i64(Double.doubleToRawLongBits(value.number(i)));
                    case BOOL -> i8(value.flag(i) ? 1 : 0);
                    case STRING -> text(value.text(i));
                }
            }
        }
    }
}
