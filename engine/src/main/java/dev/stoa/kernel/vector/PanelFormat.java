// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.INTS;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Tiles.PANEL_BYTES;
import static dev.stoa.kernel.vector.Tiles.VECTOR_BYTES;
import static dev.stoa.kernel.vector.Tiles.WIDTH;

import dev.stoa.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// A panel of WIDTH weight rows in its own format, transposed so that one step of k is contiguous over the columns:
/// decoding is then widening and one multiplication per vector. As many bytes as the source, and the same values
/// bit for bit. Block formats hold per block of 32 k: WIDTH scales (f16), then the quants of each step of k.
enum PanelFormat {
    /// [k][WIDTH] shorts.
    BF16 {
        @Override
        void pack(MemorySegment source, long[] rows, int depth, MemorySegment panel, long at) {
            packShorts(source, rows, depth, panel, at);
        }

        @Override
        void decode(MemorySegment panel, long at, int k, int depth, MemorySegment out, long offset) {
            long from = at + 2L * WIDTH * k;
            for (int i = 0; i < depth * 2; i++) {
                shorts(panel, from + 2L * L * i).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats()
                        .intoMemorySegment(out, offset + (long) VECTOR_BYTES * i, LE);
            }
        }
    },
    /// [k][WIDTH] shorts.
    F16 {
        @Override
        void pack(MemorySegment source, long[] rows, int depth, MemorySegment panel, long at) {
            packShorts(source, rows, depth, panel, at);
        }

        @Override
        void decode(MemorySegment panel, long at, int k, int depth, MemorySegment out, long offset) {
            long from = at + 2L * WIDTH * k;
            for (int i = 0; i < depth * 2; i++) {
                halves(panel, from + 2L * L * i).intoMemorySegment(out, offset + (long) VECTOR_BYTES * i, LE);
            }
        }
    },
    /// Per block: WIDTH scales, then [k][WIDTH] signed bytes.
    Q8_0 {
        @Override
        void pack(MemorySegment source, long[] rows, int depth, MemorySegment panel, long at) {
            for (int block = 0; block < depth / 32; block++) {
                long target = at + (long) block * WIDTH * 34;
                for (int c = 0; c < rows.length; c++) {
                    if (rows[c] < 0) continue;
                    long from = rows[c] + block * 34L;
                    panel.set(SHORT, target + 2L * c, source.get(SHORT, from));
                    for (int k = 0; k < 32; k++) {
                        panel.set(BYTE, target + 2L * WIDTH + (long) k * WIDTH + c, source.get(BYTE, from + 2 + k));
                    }
                }
            }
        }

        @Override
        void decode(MemorySegment panel, long at, int k, int depth, MemorySegment out, long offset) {
            for (int block = 0; block < depth / 32; block++) {
                for (int half = 0; half < 2; half++) {
                    long from = at + (long) (k / 32 + block) * WIDTH * 34;
                    FloatVector scale = halves(panel, from + 2L * L * half);
                    long quants = from + 2L * WIDTH + (long) L * half;
                    long to = offset + (long) block * 32 * PANEL_BYTES + (long) VECTOR_BYTES * half;
                    for (int i = 0; i < 32; i++) {
                        scale.mul(bytes(panel, quants + (long) WIDTH * i).convert(VectorOperators.I2F, 0))
                                .intoMemorySegment(out, to + (long) PANEL_BYTES * i, LE);
                    }
                }
            }
        }
    },
    /// Per block: WIDTH scales, then [j][WIDTH] bytes whose low nibble is k = j and high nibble k = j + 16.
    Q4_0 {
        @Override
        void pack(MemorySegment source, long[] rows, int depth, MemorySegment panel, long at) {
            for (int block = 0; block < depth / 32; block++) {
                long target = at + (long) block * WIDTH * 18;
                for (int c = 0; c < rows.length; c++) {
                    if (rows[c] < 0) continue;
                    long from = rows[c] + block * 18L;
                    panel.set(SHORT, target + 2L * c, source.get(SHORT, from));
                    for (int j = 0; j < 16; j++) {
                        panel.set(BYTE, target + 2L * WIDTH + (long) j * WIDTH + c, source.get(BYTE, from + 2 + j));
                    }
                }
            }
        }

        @Override
        void decode(MemorySegment panel, long at, int k, int depth, MemorySegment out, long offset) {
            for (int block = 0; block < depth / 32; block++) {
                for (int half = 0; half < 2; half++) {
                    long from = at + (long) (k / 32 + block) * WIDTH * 18;
                    FloatVector scale = halves(panel, from + 2L * L * half);
                    long quants = from + 2L * WIDTH + (long) L * half;
                    long to = offset + (long) block * 32 * PANEL_BYTES + (long) VECTOR_BYTES * half;
                    for (int j = 0; j < 16; j++) {
                        IntVector pair = bytes(panel, quants + (long) WIDTH * j);
                        nibbles(pair.and(15), scale, out, to + (long) PANEL_BYTES * j);
                        nibbles(pair.lanewise(VectorOperators.LSHR, 4).and(15), scale, out,
                                to + (long) PANEL_BYTES * (j + 16));
                    }
                }
            }
        }
    };

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, VectorShape.forBitSize(16 * L));
    /// At least 64 bits, so four lanes read four bytes too many; panels are allocated with that slack.
    private static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * L)));
    static final int SLACK = 8;

    /// Whether there are panels of this type; other types are multiplied where they lie.
    static boolean has(DType dtype) {
        return switch (dtype) {
            case F32, BF16, F16, Q8_0, Q4_0 -> true;
            default -> false;
        };
    }

    /// The format that panels of this type keep, or null for F32.
    static PanelFormat of(DType dtype) {
        return switch (dtype) {
            case F32 -> null;
            case BF16 -> BF16;
            case F16 -> F16;
            case Q8_0 -> Q8_0;
            case Q4_0 -> Q4_0;
            default -> throw new IllegalArgumentException("no panels of " + dtype);
        };
    }

    /// Writes one panel at byte `at` from WIDTH source rows that start at bytes `rows` (-1: no such column).
    abstract void pack(MemorySegment source, long[] rows, int depth, MemorySegment panel, long at);

    /// Rows [k, k + depth) of the panel at byte `at`, as F32 [depth][WIDTH] at byte `offset` of `out`.
    abstract void decode(MemorySegment panel, long at, int k, int depth, MemorySegment out, long offset);

    private static void packShorts(MemorySegment source, long[] rows, int depth, MemorySegment panel, long at) {
        for (int c = 0; c < rows.length; c++) {
            if (rows[c] < 0) continue;
            for (int k = 0; k < depth; k++) {
                panel.set(SHORT, at + 2L * ((long) k * WIDTH + c), source.get(SHORT, rows[c] + 2L * k));
            }
        }
    }

    /// L shorts, zero-extended.
    private static IntVector shorts(MemorySegment data, long at) {
        return ShortVector.fromMemorySegment(SHORTS, data, at, LE)
                .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0).reinterpretAsInts();
    }

    /// L bytes, sign-extended.
    private static IntVector bytes(MemorySegment data, long at) {
        return ByteVector.fromMemorySegment(BYTES, data, at, LE)
                .convertShape(VectorOperators.B2I, INTS, 0).reinterpretAsInts();
    }

    /// L halves: exponent and mantissa moved into place and rescaled by 2^112, which also makes subnormals right;
    /// infinities and NaN get all exponent bits.
    static FloatVector halves(MemorySegment data, long at) {
        IntVector bits = shorts(data, at);
        IntVector sign = bits.and(0x8000).lanewise(VectorOperators.LSHL, 16);
        IntVector magnitude = bits.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
        IntVector scaled = magnitude.reinterpretAsFloats().mul(0x1p112f).reinterpretAsInts();
        IntVector special = magnitude.or(0x7f800000);
        return scaled.blend(special, magnitude.compare(VectorOperators.GE, 0x7c00 << 13)).or(sign).reinterpretAsFloats();
    }

    private static void nibbles(IntVector quants, FloatVector scale, MemorySegment out, long at) {
        scale.mul(quants.sub(8).convert(VectorOperators.I2F, 0)).intoMemorySegment(out, at, LE);
    }
}
