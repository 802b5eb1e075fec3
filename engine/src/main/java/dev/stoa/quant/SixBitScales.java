// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Eight 6-bit scales and eight 6-bit minima in 12 bytes b, as Q4_K and Q5_K keep them: for j < 4 the low six bits of
/// b[j] and b[j + 4]; for j >= 4 the nibbles of b[j + 4], with the two top bits of b[j - 4] and b[j] above them.
final class SixBitScales {
    private SixBitScales() {}

    static int scale(MemorySegment data, long at, int j) {
        return j < 4 ? b(data, at + j) & 63 : b(data, at + j + 4) & 15 | b(data, at + j - 4) >> 6 << 4;
    }

    static int minimum(MemorySegment data, long at, int j) {
        return j < 4 ? b(data, at + j + 4) & 63 : b(data, at + j + 4) >> 4 | b(data, at + j) >> 6 << 4;
    }

    /// Writes all of them; values 0 .. 63.
    static void set(MemorySegment data, long at, int[] scales, int[] minima) {
        for (int j = 0; j < 4; j++) {
            put(data, at + j, scales[j] | scales[j + 4] >> 4 << 6);
            put(data, at + j + 4, minima[j] | minima[j + 4] >> 4 << 6);
            put(data, at + j + 8, scales[j + 4] & 15 | (minima[j + 4] & 15) << 4);
        }
    }

    private static int b(MemorySegment data, long at) {
        return Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, at));
    }

    private static void put(MemorySegment data, long at, int value) {
        data.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }
}
