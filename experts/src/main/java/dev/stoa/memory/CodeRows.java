// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Rows of 8-bit codes in pages, side by side, so that a scan reads memory in order; and their exact dot products with
/// a query's codes. Codes are -127 to 127. Not thread-safe for writing.
final class CodeRows {
    static final int PAGE = 1024;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class, VectorShape.forBitSize(SHORTS.vectorBitSize() / 2));
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final int L = SHORTS.length();
    /// Bytes of a row: pairs of vectors.
    private final int stride;
    private final int dim;
    private final List<byte[]> pages = new ArrayList<>();

    CodeRows(int dim) {
        this.dim = dim;
        this.stride = (dim + 2 * L - 1) / (2 * L) * (2 * L);
    }

    void set(int row, byte[] codes) {
        if (row / PAGE == pages.size()) pages.add(new byte[PAGE * stride]);
        System.arraycopy(codes, 0, pages.get(row / PAGE), row % PAGE * stride, dim);
    }

    void copy(int from, int to) {
        System.arraycopy(pages.get(from / PAGE), from % PAGE * stride, pages.get(to / PAGE), to % PAGE * stride, stride);
    }

    /// Clears a row that is not used any more: nothing forgotten stays in memory.
    void clear(int row) {
        Arrays.fill(pages.get(row / PAGE), row % PAGE * stride, (row % PAGE + 1) * stride, (byte) 0);
    }

    /// A query's codes, widened once.
    short[] widen(byte[] codes) {
        short[] wide = new short[stride];
        for (int i = 0; i < dim; i++) wide[i] = codes[i];
        return wide;
    }

    /// out[i] = query . row (PAGE * page + i) for i < count.
    void dots(short[] query, int page, int count, int[] out) {
        byte[] codes = pages.get(page);
        for (int row = 0; row < count; row++) out[row] = dot(query, codes, row * stride);
    }

    /// Two products fit 16 bits (2 * 127 * 127 < 2^15); their sums are widened.
    private static int dot(short[] query, byte[] codes, int at) {
        IntVector low = IntVector.zero(INTS), high = low;
        for (int i = 0; i < query.length; i += 2 * L) {
            ShortVector first = wide(codes, at + i).mul(ShortVector.fromArray(SHORTS, query, i));
            ShortVector pairs = wide(codes, at + i + L).mul(ShortVector.fromArray(SHORTS, query, i + L)).add(first);
            low = low.add((IntVector) pairs.convertShape(VectorOperators.S2I, INTS, 0));
            high = high.add((IntVector) pairs.convertShape(VectorOperators.S2I, INTS, 1));
        }
        return low.add(high).reduceLanes(VectorOperators.ADD);
    }

    private static ShortVector wide(byte[] codes, int at) {
        return (ShortVector) ByteVector.fromArray(BYTES, codes, at).convertShape(VectorOperators.B2S, SHORTS, 0);
    }
}
