// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.Packing;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// w[row, c] = book[index[row, c / dim]][c % dim]; indices of 4, 8, 12 or 16 bits, one stream for the whole matrix, low bits
/// first. Every index was checked against the book when this was made. `first` is the row that row 0 stands for.
record CodebookPacking(MemorySegment indices, int bits, float[] book, int dim, int cols, long first) implements Packing {
    @Override
    public String describe() {
        return "codebook of " + book.length / dim + " x " + dim + " ";
    }

    @Override
    public long bytes() {
        return indices.byteSize() + 4L * book.length;
    }

    @Override
    public Packing from(long row) {
        return new CodebookPacking(indices, bits, book, dim, cols, first + row);
    }

    @Override
    public void decodeRow(long row, float[] out, int at) {
        long index = (first + row) * (cols / dim);
        for (int c = 0; c < cols; c += dim, index++) System.arraycopy(book, index(indices, bits, index) * dim, out, at + c, dim);
    }

    static int index(MemorySegment indices, int bits, long at) {
        long bit = at * bits;
        long b = bit >> 3;
        int shift = (int) (bit & 7);
        int value = indices.get(ValueLayout.JAVA_BYTE, b) & 255;
        if (shift + bits > 8) value |= (indices.get(ValueLayout.JAVA_BYTE, b + 1) & 255) << 8;
        return value >> shift & (1 << bits) - 1;
    }
}
