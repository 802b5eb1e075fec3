// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Packing;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// value = scale * q + bias, with one scale and bias per group of columns: the affine layout of MLX (each row begins at a
/// byte, `rowBits` apart, and has its own groups) and of JANG, where with `flat` the whole matrix is one stream of values
/// and of groups, and rows begin anywhere. `first` is the row that row 0 stands for.
record AffinePacking(MemorySegment codes, Tensor scales, Tensor biases, int bits, int group, int cols, long rowBits, boolean flat,
        long first) implements Packing {
    @Override
    public String describe() {
        return "affine " + bits + " bits, groups of " + group + " ";
    }

    @Override
    public long bytes() {
        return codes.byteSize() + scales.bytes() + biases.bytes();
    }

    @Override
    public Packing from(long row) {
        return new AffinePacking(codes, scales, biases, bits, group, cols, rowBits, flat, first + row);
    }

    @Override
    public void decodeRow(long row, float[] out, int at) {
        long index = first + row;
        int[] q = new int[Math.min(group, cols)];
        long firstValue = flat ? index * cols : 0;
        long groups = flat ? 0 : index * ((cols + group - 1) / group);
        long bit = flat ? firstValue * bits : index * rowBits;
        for (int c = 0; c < cols; ) {
            long value = firstValue + c;
            int count = (int) Math.min(cols - c, group - value % group);
            BitStream.unpack(codes, bit + (long) c * bits, bits, q, 0, count);
            float scale = Quant.scalar(scales, groups + value / group);
            float bias = Quant.scalar(biases, groups + value / group);
            for (int i = 0; i < count; i++) out[at + c + i] = scale * q[i] + bias;
            c += count;
        }
    }
}
