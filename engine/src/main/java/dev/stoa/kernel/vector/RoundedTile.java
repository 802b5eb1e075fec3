// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.INTS;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Integer dot products of L rows of a repacked weight with one or four rounded rows, in 16-bit lanes: a nibble times an
/// 8-bit quant, summed over 16 steps of k per lane, fits. Eight-bit weights are two planes of nibbles; six-bit ones fit over
/// 8 steps. Results go to scratch as shorts [block][plane][T][2 L].
///
/// C2 keeps vectors in registers only while what it compiles has few of them. So loops stay rolled, and every kernel checks
/// its arguments first, which also brings it over the 325 bytes of bytecode up to which C2 would inline it beside its
/// neighbours (ten times slower).
final class RoundedTile {
    private static final VectorSpecies<Short> S = VectorSpecies.of(short.class, VectorShape.forBitSize(32 * L));
    private static final int SHORTS = 2 * L;
    private static final int VECTOR = 64;
    /// Blocks whose indices are ints in every array.
    private static final int MOST = Integer.MAX_VALUE / (8 * SHORTS);

    private RoundedTile() {}

    private static ShortVector weights(MemorySegment data, long at) {
        return ShortVector.fromMemorySegment(S, data, at, LE);
    }

    private static ShortVector both(int pair) {
        return IntVector.broadcast(INTS, pair).reinterpretAsShorts();
    }

    private static ShortVector nibble(ShortVector v, int shift) {
        return shift == 12 ? v.lanewise(VectorOperators.LSHR, 12) : v.lanewise(VectorOperators.LSHR, shift).and((short) 15);
    }

    /// Nibbles from byte `at` on, one row.
    static void nibbles1(MemorySegment data, long at, int blocks, int[] pairs, int p, int[] starts, int s, short[] out) {
        if (at < 0 || at > data.byteSize() || blocks < 0 || blocks > MOST
                || data.byteSize() - at < (blocks - 1) * 4L * VECTOR + 3 * VECTOR || p < 0 || p > pairs.length || pairs.length - p < 16 * blocks || s < 0 || s > starts.length || starts.length - s < blocks
                || out.length < blocks * SHORTS) {
            throw new IllegalArgumentException("weights " + data.byteSize() + " from " + at + ", pairs " + pairs.length + " from " + p
                    + ", starts " + starts.length + " from " + s + ", dots " + out.length
                    + ": too short for " + blocks + " blocks of " + SHORTS + " lanes");
        }
        for (int b = 0; b < blocks; b++) {
            ShortVector x = both(starts[s + b]);
            for (int j = 0; j < 4; j++, at += VECTOR, p += 4) {
                ShortVector v = weights(data, at);
                x = x.add(v.and((short) 15).mul(both(pairs[p])));
                x = x.add(nibble(v, 4).mul(both(pairs[p + 1])));
                x = x.add(nibble(v, 8).mul(both(pairs[p + 2])));
                x = x.add(nibble(v, 12).mul(both(pairs[p + 3])));
            }
            x.intoArray(out, b * SHORTS);
        }
    }

    /// Nibbles, four rows.
    static void nibbles4(MemorySegment data, long at, int blocks, int[] pairs, int p, int[] starts, int s, short[] out) {
        if (at < 0 || at > data.byteSize() || blocks < 0 || blocks > MOST
                || data.byteSize() - at < (blocks - 1) * 4L * VECTOR + 3 * VECTOR || p < 0 || pairs.length - p < 64 * blocks || s < 0 || starts.length - s < 4 * blocks
                || out.length < 4 * blocks * SHORTS) {
            throw new IllegalArgumentException("weights " + data.byteSize() + " from " + at + ", pairs " + pairs.length + " from " + p
                    + ", starts " + starts.length + " from " + s + ", dots " + out.length + ": too short for " + blocks + " blocks of " + SHORTS + " lanes");
        }
        for (int b = 0; b < blocks; b++) {
            ShortVector x0 = both(starts[s + 4 * b]);
            ShortVector x1 = both(starts[s + 4 * b + 1]);
            ShortVector x2 = both(starts[s + 4 * b + 2]);
            ShortVector x3 = both(starts[s + 4 * b + 3]);
            for (int j = 0; j < 4; j++, at += VECTOR) {
                ShortVector v = weights(data, at);
                for (int n = 0; n < 4; n++, p += 4) {
                    ShortVector w = v.and((short) 15);
                    v = v.lanewise(VectorOperators.LSHR, 4);
                    x0 = x0.add(w.mul(both(pairs[p])));
                    x1 = x1.add(w.mul(both(pairs[p + 1])));
                    x2 = x2.add(w.mul(both(pairs[p + 2])));
                    x3 = x3.add(w.mul(both(pairs[p + 3])));
                }
            }
            x0.intoArray(out, 4 * b * SHORTS);
            x1.intoArray(out, (4 * b + 1) * SHORTS);
            x2.intoArray(out, (4 * b + 2) * SHORTS);
            x3.intoArray(out, (4 * b + 3) * SHORTS);
        }
    }

    /// Bytes as a plane of low and one of high nibbles, one row; the high plane takes the offset.
    static void bytes1(MemorySegment data, long at, int blocks, int[] pairs, int p, int[] starts, int s, short[] out) {
        if (at < 0 || at > data.byteSize() || blocks < 0 || blocks > MOST
                || data.byteSize() - at < (blocks - 1) * 8L * VECTOR + 7 * VECTOR || p < 0 || pairs.length - p < 16 * blocks || s < 0 || starts.length - s < blocks
                || out.length < 2 * blocks * SHORTS) {
            throw new IllegalArgumentException("weights " + data.byteSize() + " from " + at + ", pairs " + pairs.length + " from " + p
                    + ", starts " + starts.length + " from " + s + ", dots " + out.length + ": too short for " + blocks + " blocks of " + SHORTS + " lanes");
        }
        for (int b = 0; b < blocks; b++, p += 16) {
            ShortVector low = ShortVector.zero(S);
            ShortVector high = both(starts[s + b]);
            for (int j = 0; j < 8; j++, at += VECTOR) {
                ShortVector v = weights(data, at);
                int q = p + j / 2 * 4 + j % 2;
                ShortVector a = both(pairs[q]);
                low = low.add(v.and((short) 15).mul(a));
                high = high.add(nibble(v, 4).mul(a));
                a = both(pairs[q + 2]);
                low = low.add(nibble(v, 8).mul(a));
                high = high.add(nibble(v, 12).mul(a));
            }
            low.intoArray(out, 2 * b * SHORTS);
            high.intoArray(out, (2 * b + 1) * SHORTS);
        }
    }

    /// Bytes, four rows: one plane per call (`shift` 0 or 4), at every second place of `out`.
    static void bytes4(MemorySegment data, long at, int blocks, int shift, int[] pairs, int p, int[] starts, int s, short[] out) {
        if (at < 0 || at > data.byteSize() || blocks < 0 || blocks > MOST
                || data.byteSize() - at < (blocks - 1) * 8L * VECTOR + 7 * VECTOR || p < 0 || pairs.length - p < 64 * blocks || s < 0 || starts.length - s < 4 * blocks
                || out.length < 8 * blocks * SHORTS) {
            throw new IllegalArgumentException("weights " + data.byteSize() + " from " + at + ", pairs " + pairs.length + " from " + p
                    + ", starts " + starts.length + " from " + s + ", dots " + out.length + ": too short for " + blocks + " blocks of " + SHORTS + " lanes");
        }
        int keep = shift == 0 ? 0 : -1;
        for (int b = 0; b < blocks; b++, p += 64) {
            ShortVector x0 = both(starts[s + 4 * b] & keep);
            ShortVector x1 = both(starts[s + 4 * b + 1] & keep);
            ShortVector x2 = both(starts[s + 4 * b + 2] & keep);
            ShortVector x3 = both(starts[s + 4 * b + 3] & keep);
            for (int j = 0; j < 8; j++, at += VECTOR) {
                ShortVector v = weights(data, at).lanewise(VectorOperators.LSHR, shift);
                int q = p + (j / 2 * 4 + j % 2) * 4;
                for (int n = 0; n < 2; n++, q += 8) {
                    ShortVector w = v.and((short) 15);
                    v = v.lanewise(VectorOperators.LSHR, 8);
                    x0 = x0.add(w.mul(both(pairs[q])));
                    x1 = x1.add(w.mul(both(pairs[q + 1])));
                    x2 = x2.add(w.mul(both(pairs[q + 2])));
                    x3 = x3.add(w.mul(both(pairs[q + 3])));
                }
            }
            int o = (2 * b + (shift == 0 ? 0 : 1)) * 4 * SHORTS;
            x0.intoArray(out, o);
            x1.intoArray(out, o + SHORTS);
            x2.intoArray(out, o + 2 * SHORTS);
            x3.intoArray(out, o + 3 * SHORTS);
        }
    }

    /// Six bits, one row: every half block of 16 steps is a plane.
    static void six1(MemorySegment data, long at, int halves, int[] pairs, int p, int[] starts, int s, short[] out) {
        if (at < 0 || at > data.byteSize() || halves < 0 || halves > MOST
                || data.byteSize() - at < (halves - 1) * 3L * VECTOR + 2 * VECTOR || p < 0 || pairs.length - p < 8 * halves || s < 0 || starts.length - s < halves
                || out.length < halves * SHORTS) {
            throw new IllegalArgumentException("weights " + data.byteSize() + " from " + at + ", pairs " + pairs.length + " from " + p
                    + ", starts " + starts.length + " from " + s + ", dots " + out.length + ": too short for " + halves + " halves of " + SHORTS + " lanes");
        }
        for (int h = 0; h < halves; h++, at += 3 * VECTOR, p += 8) {
            ShortVector x = both(starts[s + h]);
            ShortVector c = weights(data, at + 2 * VECTOR);
            for (int j = 0; j < 2; j++) {
                ShortVector v = weights(data, at + (long) VECTOR * j);
                x = x.add(v.and((short) 15).or(c.and((short) 3).lanewise(VectorOperators.LSHL, 4)).mul(both(pairs[p + 4 * j])));
                x = x.add(nibble(v, 4).or(c.and((short) 12).lanewise(VectorOperators.LSHL, 2)).mul(both(pairs[p + 4 * j + 1])));
                ShortVector d = c.lanewise(VectorOperators.LSHR, 8);
                x = x.add(nibble(v, 8).or(d.and((short) 3).lanewise(VectorOperators.LSHL, 4)).mul(both(pairs[p + 4 * j + 2])));
                x = x.add(nibble(v, 12).or(d.and((short) 12).lanewise(VectorOperators.LSHL, 2)).mul(both(pairs[p + 4 * j + 3])));
                c = c.lanewise(VectorOperators.LSHR, 4);
            }
            x.intoArray(out, h * SHORTS);
        }
    }

    /// Six bits, four rows.
    static void six4(MemorySegment data, long at, int halves, int[] pairs, int p, int[] starts, int s, short[] out) {
        if (at < 0 || at > data.byteSize() || halves < 0 || halves > MOST
                || data.byteSize() - at < (halves - 1) * 3L * VECTOR + 2 * VECTOR || p < 0 || pairs.length - p < 32 * halves || s < 0 || starts.length - s < 4 * halves
                || out.length < 4 * halves * SHORTS) {
            throw new IllegalArgumentException("weights " + data.byteSize() + " from " + at + ", pairs " + pairs.length + " from " + p
                    + ", starts " + starts.length + " from " + s + ", dots " + out.length + ": too short for " + halves + " halves of " + SHORTS + " lanes");
        }
        for (int h = 0; h < halves; h++, at += 3 * VECTOR) {
            ShortVector x0 = both(starts[s + 4 * h]);
            ShortVector x1 = both(starts[s + 4 * h + 1]);
            ShortVector x2 = both(starts[s + 4 * h + 2]);
            ShortVector x3 = both(starts[s + 4 * h + 3]);
            ShortVector c = weights(data, at + 2 * VECTOR);
            for (int j = 0; j < 8; j++, p += 4) {
                // Nibble j % 4 of vector j / 4; its bit pair: of k, k + 4 in the low byte, of k + 1, k + 5 in the high one.
                ShortVector v = weights(data, at + (long) VECTOR * (j / 4)).lanewise(VectorOperators.LSHR, j % 4 * 4).and((short) 15);
                ShortVector w = v.or(c.lanewise(VectorOperators.LSHR, j / 4 * 4 + j % 4 / 2 * 8 + j % 2 * 2).and((short) 3)
                        .lanewise(VectorOperators.LSHL, 4));
                x0 = x0.add(w.mul(both(pairs[p])));
                x1 = x1.add(w.mul(both(pairs[p + 1])));
                x2 = x2.add(w.mul(both(pairs[p + 2])));
                x3 = x3.add(w.mul(both(pairs[p + 3])));
            }
            x0.intoArray(out, 4 * h * SHORTS);
            x1.intoArray(out, (4 * h + 1) * SHORTS);
            x2.intoArray(out, (4 * h + 2) * SHORTS);
            x3.intoArray(out, (4 * h + 3) * SHORTS);
        }
    }

    /// The sums of both 16-bit lanes of every row.
    static IntVector fold(short[] dots, int at) {
        IntVector both = ShortVector.fromArray(S, dots, at).reinterpretAsInts();
        return both.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(both.lanewise(VectorOperators.ASHR, 16));
    }
}
