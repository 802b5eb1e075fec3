// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import java.util.List;

/// One metadata value of a GGUF file, with the type it has in the file. `value` is a Long for integers (u64 keeps its
/// bits), a Float, Double, Boolean or String, or for an array: byte[], short[], int[], long[], float[], double[],
/// boolean[] or `List<String>`. Arrays belong to the metadata and must not be changed.
public record GgufValue(Kind kind, boolean array, Object value) {
    /// Types by their number in the file; 9 is the array.
    public enum Kind {
        U8(0, 1), I8(1, 1), U16(2, 2), I16(3, 2), U32(4, 4), I32(5, 4), F32(6, 4), BOOL(7, 1), STRING(8, 8), U64(10, 8),
        I64(11, 8), F64(12, 8);

        private final int id;
        private final int leastBytes;

        Kind(int id, int leastBytes) {
            this.id = id;
            this.leastBytes = leastBytes;
        }

        public int id() {
            return id;
        }

        /// Bytes one value takes in a file; for a string those of its length.
        int leastBytes() {
            return leastBytes;
        }

        static Kind of(int id) {
            for (Kind kind : values()) if (kind.id == id) return kind;
            return null;
        }
    }

    public static GgufValue text(String value) {
        return new GgufValue(Kind.STRING, false, value);
    }

    public static GgufValue u32(int value) {
        return new GgufValue(Kind.U32, false, Integer.toUnsignedLong(value));
    }

    public static GgufValue f32(float value) {
        return new GgufValue(Kind.F32, false, value);
    }

    public static GgufValue flag(boolean value) {
        return new GgufValue(Kind.BOOL, false, value);
    }

    public static GgufValue texts(List<String> values) {
        return new GgufValue(Kind.STRING, true, List.copyOf(values));
    }

    public static GgufValue i32s(int... values) {
        return new GgufValue(Kind.I32, true, values.clone());
    }

    /// 1 for a single value.
    public int size() {
        return switch (value) {
            case byte[] a -> a.length;
            case short[] a -> a.length;
            case int[] a -> a.length;
            case long[] a -> a.length;
            case float[] a -> a.length;
            case double[] a -> a.length;
            case boolean[] a -> a.length;
            case List<?> a -> a.size();
            default -> 1;
        };
    }

    boolean integral() {
        return switch (kind) {
            case U8, I8, U16, I16, U32, I32, U64, I64 -> true;
            case F32, F64, BOOL, STRING -> false;
        };
    }

    boolean numeric() {
        return integral() || kind == Kind.F32 || kind == Kind.F64;
    }

    /// Element `i` of integers, unsigned kinds zero-extended; 0 for a single value.
    long integer(int i) {
        return switch (value) {
            case byte[] a -> kind == Kind.U8 ? Byte.toUnsignedLong(a[i]) : a[i];
            case short[] a -> kind == Kind.U16 ? Short.toUnsignedLong(a[i]) : a[i];
            case int[] a -> kind == Kind.U32 ? Integer.toUnsignedLong(a[i]) : a[i];
            case long[] a -> a[i];
            case Long single -> single;
            default -> throw new IllegalStateException(kind + " holds no integers");
        };
    }

    boolean flag(int i) {
        return value instanceof boolean[] flags ? flags[i] : (Boolean) value;
    }

    String text(int i) {
        return value instanceof List<?> texts ? (String) texts.get(i) : (String) value;
    }

    /// Element `i` of numbers.
    double number(int i) {
        return switch (value) {
            case float[] a -> a[i];
            case double[] a -> a[i];
            case Float single -> single;
            case Double single -> single;
            default -> integer(i);
        };
    }

    @Override
    public String toString() {
        if (array) return kind + "[" + size() + "]";
        String text = String.valueOf(value);
        return kind + " " + (text.length() <= 80 ? text : text.substring(0, 80) + "...");
    }
}
