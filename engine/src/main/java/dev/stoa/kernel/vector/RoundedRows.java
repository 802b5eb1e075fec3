// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.integer.IntegerFormat;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Rows of activations rounded to 8 bits per block of 32 (the rule is in `Matmul.packRounded`), in tiles of TILE rows that
/// [RoundedTile] reads: per block 16 ints of two 16-bit quants, each for the T rows of the tile; one scale; the 16-bit pairs
/// that sums start from; for Q4_K scale times the sum of quants. Grows to the largest product.
final class RoundedRows {
    /// Rows of a full tile; the last ones are tiles of one row.
    static final int TILE = 4;
    private static final int BLOCK = 32;
    private static final float TINY = 1e-30f;
    private static final float ROUNDER = 12_582_912; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    /// The two steps of k that share an int, by int: where nibbles of equal place lie in a vector of 8 steps.
    private static final int[] FIRST = {0, 4, 1, 5};

    int[] pairs = {};
    float[] scales = {};
    int[] starts = {};
    float[] sums = {};

    void reserve(int rows, int blocks) {
        int needed = Math.multiplyExact(rows, blocks);
        if (scales.length >= needed) return;
        pairs = new int[Math.multiplyExact(16, needed)];
        scales = new float[needed];
        starts = new int[2 * needed];
        sums = new float[needed];
    }

    /// Rows in the tile of row `row`, of `rows` in all.
    static int height(int row, int rows) {
        return row / TILE * TILE + TILE <= rows ? TILE : 1;
    }

    /// Rounds one row of x (rows, 32 blocks) into its tile; `quants` has room for 32.
    void round(IntegerFormat format, MemorySegment x, int row, int rows, int blocks, int[] quants) {
        int height = height(row, rows);
        int first = row - row % height;
        int lane = row - first;
        for (int b = 0; b < blocks; b++) {
            float most = magnitude(x, 4L * ((long) row * blocks + b) * BLOCK);
            float inverse = most < TINY ? 0 : 127 / most;
            integers(x, 4L * ((long) row * blocks + b) * BLOCK, inverse, quants);
            place(format, quants, most / 127, first * blocks + b * height + lane, height);
        }
    }

    /// The largest magnitude of 32 values; anything that is not finite counts as larger than all numbers.
    private static float magnitude(MemorySegment x, long at) {
        IntVector largest = IntVector.zero(Lanes.INTS);
        for (int i = 0; i < BLOCK; i += L) largest = largest.max(load(x, at + 4L * i).reinterpretAsInts().and(0x7fffffff));
        return Float.intBitsToFloat(largest.reduceLanes(VectorOperators.MAX));
    }

    private static void integers(MemorySegment x, long at, float inverse, int[] quants) {
        for (int i = 0; i < BLOCK; i += L) {
            FloatVector shifted = load(x, at + 4L * i).mul(inverse).add(ROUNDER);
            shifted.reinterpretAsInts().sub(0x4b400000).intoArray(quants, i);
        }
    }

    /// `at` is the index of (block, row) among those of the tile.
    private void place(IntegerFormat format, int[] quants, float scale, int at, int height) {
        int block = at / height * height; // the tile's first row in this block
        int lane = at - block;
        int low0 = 0;
        int high0 = 0;
        int low1 = 0;
        int high1 = 0;
        for (int p = 0; p < 16; p++) {
            int k = p / 4 * 8 + FIRST[p % 4];
            int low = (byte) quants[k];
            int high = (byte) quants[k + 2];
            pairs[(block * 16) + p * height + lane] = low & 0xffff | high << 16;
            if (p < 8) {
                low0 += low;
                high0 += high;
            } else {
                low1 += low;
                high1 += high;
            }
        }
        scales[at] = scale;
        switch (format) {
            case Q4_0, Q8_0 -> starts[at] = pair(-8 * (low0 + low1), -8 * (high0 + high1));
            case Q4_K -> {
                starts[at] = 0;
                sums[at] = scale * (low0 + high0 + low1 + high1);
            }
            case Q6_K -> {
                starts[2 * block + lane] = pair(-32 * low0, -32 * high0);
                starts[2 * block + height + lane] = pair(-32 * low1, -32 * high1);
            }
        }
    }

    /// Two 16-bit numbers; they wrap, and so do the sums that start from them, to a result that fits.
    private static int pair(int low, int high) {
        return low & 0xffff | high << 16;
    }
}
