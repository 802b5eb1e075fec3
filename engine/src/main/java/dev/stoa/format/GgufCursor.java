// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static dev.stoa.EngineFault.BAD_CONTAINER;

import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.GgufValue.Kind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Reads the head of a GGUF file from front to back. No length is believed before the file is known to hold as many
/// bytes, so nothing larger than the file is ever allocated for it.
final class GgufCursor {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int MAX_STRING = 64 << 20;

    private final MemorySegment file;
    private final Path where;
    private long at;

    GgufCursor(MemorySegment file, Path where) {
        this.file = file;
        this.where = where;
    }

    long position() {
        return at;
    }

    long remaining() {
        return file.byteSize() - at;
    }

    int u32(String what) {
        return file.get(INT, take(4, what));
    }

    /// An unsigned 64-bit number of at most `limit`.
    long length(String what, long limit) {
        long begin = at;
        long value = file.get(LONG, take(8, what));
        if (value >= 0 && value <= limit) return value;
        throw broken(what + " is out of range", begin, Long.toUnsignedString(value), "at most " + limit);
    }

    String text(String what) {
        long begin = at;
        int length = (int) length("the length of " + what, Math.min(MAX_STRING, Math.max(0, remaining() - 8)));
        byte[] bytes = file.asSlice(take(length, what), length).toArray(ValueLayout.JAVA_BYTE);
        if (ascii(bytes)) return new String(bytes, StandardCharsets.ISO_8859_1);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException malformed) {
            throw broken(what + " is not valid UTF-8", begin, length + " bytes", "UTF-8 text");
        }
    }

    private static boolean ascii(byte[] bytes) {
        for (byte b : bytes) if (b < 0) return false;
        return true;
    }

    /// A typed value: u32 type, then the value, or for type 9 the element type, a count and the elements.
    GgufValue value(String key) {
        String what = "the value of " + key;
        int id = u32("the type of " + key);
        if (id != 9) {
            Kind kind = kind(id, key);
            return new GgufValue(kind, false, single(kind, what));
        }
        Kind kind = kind(u32("the element type of " + key), key);
        long limit = Math.min(Integer.MAX_VALUE - 8, Math.max(0, remaining() - 8) / kind.leastBytes());
        return new GgufValue(kind, true, many(kind, (int) length("the size of " + key, limit), what));
    }

    private Kind kind(int id, String key) {
        Kind kind = Kind.of(id);
        if (kind == null) throw broken(key + " has an unknown type", at - 4, Integer.toUnsignedString(id), "0 to 12, arrays not nested");
        return kind;
    }

    private Object single(Kind kind, String what) {
        return switch (kind) {
            case U8 -> Byte.toUnsignedLong(file.get(ValueLayout.JAVA_BYTE, take(1, what)));
            case I8 -> (long) file.get(ValueLayout.JAVA_BYTE, take(1, what));
            case U16 -> Short.toUnsignedLong(file.get(SHORT, take(2, what)));
            case I16 -> (long) file.get(SHORT, take(2, what));
            case U32 -> Integer.toUnsignedLong(file.get(INT, take(4, what)));
            case I32 -> (long) file.get(INT, take(4, what));
            case U64, I64 -> file.get(LONG, take(8, what));
            case F32 -> file.get(FLOAT, take(4, what));
            case F64 -> file.get(DOUBLE, take(8, what));
            case BOOL -> bool(what);
            case STRING -> text(what);
        };
    }

    private Object many(Kind kind, int count, String what) {
        if (kind == Kind.STRING) {
            List<String> texts = new ArrayList<>(count);
            for (int i = 0; i < count; i++) texts.add(text(what));
            return Collections.unmodifiableList(texts);
        }
        if (kind == Kind.BOOL) {
            boolean[] flags = new boolean[count];
            for (int i = 0; i < count; i++) flags[i] = bool(what);
            return flags;
        }
        long bytes = (long) count * kind.leastBytes();
        MemorySegment data = file.asSlice(take(bytes, what), bytes);
        return switch (kind) {
            case U8, I8 -> data.toArray(ValueLayout.JAVA_BYTE);
            case U16, I16 -> data.toArray(SHORT);
            case U32, I32 -> data.toArray(INT);
            case U64, I64 -> data.toArray(LONG);
            case F32 -> data.toArray(FLOAT);
            case F64 -> data.toArray(DOUBLE);
            case BOOL, STRING -> throw new IllegalStateException("read above");
        };
    }

    private boolean bool(String what) {
        byte value = file.get(ValueLayout.JAVA_BYTE, take(1, what));
        if (value == 0 || value == 1) return value == 1;
        throw broken(what + " is not a bool", at - 1, value, "0 or 1");
    }

    private long take(long bytes, String what) {
        if (bytes > remaining()) throw broken("the file ends inside " + what, at, remaining() + " bytes left", bytes);
        long begin = at;
        at += bytes;
        return begin;
    }

    FaultException broken(String what, long offset, Object got, Object expected) {
        return Fault.of(BAD_CONTAINER, what).where(where + ", byte " + offset).got(got).expected(expected)
                .next("fetch or convert the file again").exception();
    }
}
