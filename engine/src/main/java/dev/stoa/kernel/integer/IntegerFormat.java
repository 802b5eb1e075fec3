// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.integer;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Weight formats with integer products, and their layout once repacked: groups of 16 rows, per group the quants of all
/// blocks of 32 values of k, then 32 bytes of scales per block, then what K formats keep per 256 values. A quant vector is
/// 64 bytes, 4 steps of k of 16 rows, so that widths of 128, 256 and 512 bits read the same bytes. As large as the source
/// but for Q4_K (2.8 % more). `src/main/c/products.h` draws it.
public enum IntegerFormat {
    /// value = d (q - 8), q in low nibbles (k = 8 v .. 8 v + 3) and high ones (8 v + 4 .. 8 v + 7) of vector v.
    Q4_0(DType.Q4_0, 4, 0) {
        @Override
        void block(MemorySegment source, long at, int block, MemorySegment out, Place place) {
            for (int v = 0; v < 4; v++) {
                long from = at + 2 + v % 2 * 8;
                out.set(INT, place.quants() + 64L * v, nibbles(source, from, v / 2 * 4) | nibbles(source, from + 4, v / 2 * 4) << 4);
            }
            half(source, at, out, place.scales() + 2L * place.lane());
        }
    },
    /// value = d (q - 128), q in bytes.
    Q8_0(DType.Q8_0, 8, 0) {
        @Override
        void block(MemorySegment source, long at, int block, MemorySegment out, Place place) {
            for (int v = 0; v < 8; v++) out.set(INT, place.quants() + 64L * v, source.get(INT, at + 2 + 4 * v) ^ 0x80808080);
            half(source, at, out, place.scales() + 2L * place.lane());
        }
    },
    /// value = d scale q - dmin minimum, q as in Q4_0; a byte of scale and one of minimum per block and row.
    Q4_K(DType.Q4_K, 4, 64) {
        @Override
        void block(MemorySegment source, long at, int block, MemorySegment out, Place place) {
            long quants = at + 16 + block / 2 * 32;
            for (int v = 0; v < 4; v++) {
                long from = quants + 8 * v;
                out.set(INT, place.quants() + 64L * v, nibbles(source, from, block % 2 * 4) | nibbles(source, from + 4, block % 2 * 4) << 4);
            }
            out.set(BYTE, place.scales() + place.lane(), (byte) sixBits(source, at + 4, block));
            out.set(BYTE, place.scales() + 16 + place.lane(), (byte) sixBitMinimum(source, at + 4, block));
            half(source, at, out, place.parents() + 2L * place.lane());
            half(source, at + 2, out, place.parents() + 32 + 2L * place.lane());
        }
    },
    /// value = d scale (q - 32), a signed byte of scale per 16 values; per 16 values two nibble vectors as in Q4_0 and one of
    /// the upper bit pairs of k, k + 4, k + 8, k + 12.
    Q6_K(DType.Q6_K, 6, 32) {
        @Override
        void block(MemorySegment source, long at, int block, MemorySegment out, Place place) {
            long low = at + block / 4 * 64 + block % 2 * 32;
            long high = at + 128 + block / 4 * 32;
            int shift = block % 4 / 2 * 4;
            for (int h = 0; h < 2; h++) {
                long half = place.quants() + 192L * h;
                int pairs = 0;
                for (int i = 0; i < 4; i++) pairs |= (source.get(INT, high + 16 * h + 4 * i) >>> block % 4 * 2 & 0x03030303) << 2 * i;
                for (int v = 0; v < 2; v++) {
                    long from = low + 16 * h + 8 * v;
                    out.set(INT, half + 64L * v, nibbles(source, from, shift) | nibbles(source, from + 4, shift) << 4);
                }
                out.set(INT, half + 128, pairs);
            }
            out.set(BYTE, place.scales() + place.lane(), source.get(BYTE, at + 192 + 2 * block));
            out.set(BYTE, place.scales() + 16 + place.lane(), source.get(BYTE, at + 192 + 2 * block + 1));
            half(source, at + 208, out, place.parents() + 2L * place.lane());
        }
    };

    /// Rows of weights in a group.
    public static final int ROWS = 16;
    /// Values of k that share an activation scale.
    public static final int BLOCK = 32;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Where one row of a group writes a block: its first quant, the block's scales, the parent block's halves.
    record Place(int lane, long quants, long scales, long parents) {}

    private final DType dtype;
    private final int vectors;
    private final int parentBytes;

    IntegerFormat(DType dtype, int vectors, int parentBytes) {
        this.dtype = dtype;
        this.vectors = vectors;
        this.parentBytes = parentBytes;
    }

    /// The format of weights of this type, or null when there are no integer products for it.
    public static IntegerFormat of(DType dtype) {
        return switch (dtype) {
            case Q4_0 -> Q4_0;
            case Q8_0 -> Q8_0;
            case Q4_K -> Q4_K;
            case Q6_K -> Q6_K;
            default -> null;
        };
    }

    public DType dtype() {
        return dtype;
    }

    /// Bytes of quants per block and group.
    public int quantBytes() {
        return vectors * 64;
    }

    /// Bytes per group and 256 values besides the blocks' own.
    public int parentBytes() {
        return parentBytes;
    }

    /// Bytes of a group of `blocks` blocks, whole cache lines.
    public long groupBytes(int blocks) {
        long bytes = (long) blocks * (quantBytes() + 32) + (long) blocks / 8 * parentBytes;
        return (bytes + 63) / 64 * 64;
    }

    /// Sums of activations per block that products need: two where a scale covers 16 values.
    public int sums() {
        return this == Q6_K ? 2 : 1;
    }

    /// Writes rows [16 group, 16 group + 16) of `w` at byte `at` of zeroed memory; missing rows stay zero, and so do their
    /// products.
    public void repack(Tensor w, int group, MemorySegment out, long at) {
        int blocks = w.cols() / BLOCK;
        int perSource = dtype.blockElements() / BLOCK;
        long rowBytes = dtype.bytes(w.cols());
        for (int lane = 0; lane < Math.min(ROWS, w.rows() - group * ROWS); lane++) {
            long row = (long) (group * ROWS + lane) * rowBytes;
            for (int b = 0; b < blocks; b++) {
                long source = row + (long) (b / perSource) * dtype.blockBytes();
                long scales = at + (long) blocks * quantBytes();
                block(w.data(), source, b % perSource, out, new Place(lane, at + (long) b * quantBytes() + 4L * lane,
                        scales + 32L * b, scales + 32L * blocks + (long) (b / 8) * parentBytes));
            }
        }
    }

    /// One row's values [32 block, 32 block + 32) of the source block at byte `at`.
    abstract void block(MemorySegment source, long at, int block, MemorySegment out, Place place);

    private static int unsigned(MemorySegment data, long at) {
        return Byte.toUnsignedInt(data.get(BYTE, at));
    }

    private static void half(MemorySegment source, long at, MemorySegment out, long to) {
        out.set(SHORT, to, source.get(SHORT, at));
    }

    /// One nibble of each of four bytes.
    private static int nibbles(MemorySegment data, long at, int shift) {
        return data.get(INT, at) >>> shift & 0x0f0f0f0f;
    }

    private static int sixBits(MemorySegment data, long at, int j) {
        return j < 4 ? unsigned(data, at + j) & 63 : unsigned(data, at + j + 4) & 15 | unsigned(data, at + j - 4) >> 6 << 4;
    }

    private static int sixBitMinimum(MemorySegment data, long at, int j) {
        return j < 4 ? unsigned(data, at + j + 4) & 63 : unsigned(data, at + j + 4) >> 4 | unsigned(data, at + j) >> 6 << 4;
    }
}
