// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Integers of 1 to 8 bits one after another, the lowest bit of the lowest byte first. A stream of little-endian words
/// is the same stream.
final class BitStream {
    private BitStream() {}

    /// out[at .. at + count) = the `count` values of `bits` bits from bit `first` of `data` on.
    static void unpack(MemorySegment data, long first, int bits, int[] out, int at, int count) {
        if (bits == 8 && (first & 7) == 0) {
            for (int i = 0; i < count; i++) out[at + i] = data.get(ValueLayout.JAVA_BYTE, (first >> 3) + i) & 255;
            return;
        }
        if (bits == 4 && (first & 7) == 0 && (count & 1) == 0) {
            for (int i = 0; i < count; i += 2) {
                int pair = data.get(ValueLayout.JAVA_BYTE, (first >> 3) + (i >> 1));
                out[at + i] = pair & 15;
                out[at + i + 1] = pair >> 4 & 15;
            }
            return;
        }
        int mask = (1 << bits) - 1;
        long bit = first;
        for (int i = 0; i < count; i++, bit += bits) {
            long b = bit >> 3;
            int shift = (int) (bit & 7);
            int value = data.get(ValueLayout.JAVA_BYTE, b) & 255;
            if (shift + bits > 8) value |= (data.get(ValueLayout.JAVA_BYTE, b + 1) & 255) << 8;
            out[at + i] = value >> shift & mask;
        }
    }

    /// The inverse; `data` must be zero from bit `first` on.
    static void pack(int[] values, int from, int count, int bits, MemorySegment data, long first) {
        long bit = first;
        for (int i = 0; i < count; i++, bit += bits) {
            long b = bit >> 3;
            int shifted = values[from + i] << (int) (bit & 7);
            data.set(ValueLayout.JAVA_BYTE, b, (byte) (data.get(ValueLayout.JAVA_BYTE, b) | shifted));
            if (shifted > 255) data.set(ValueLayout.JAVA_BYTE, b + 1, (byte) (data.get(ValueLayout.JAVA_BYTE, b + 1) | shifted >> 8));
        }
    }

    /// Bytes that hold `count` values.
    static long bytes(long count, int bits) {
        return Math.addExact(Math.multiplyExact(count, (long) bits), 7) / 8;
    }
}
