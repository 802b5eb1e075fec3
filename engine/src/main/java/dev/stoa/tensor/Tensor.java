// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/// A dense row-major array over a memory segment; the last dimension is contiguous.
///
/// Does not own its memory: a [Scope] or a mapped file does. Safe to share between threads for reading.
/// A tensor of dtype `PACKED` has no `data`; its values lie in its `packing`, which is null for all others.
public record Tensor(MemorySegment data, DType dtype, Packing packing, long... shape) {
    public static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    public Tensor {
        shape = shape.clone();
        if ((dtype == DType.PACKED) != (packing != null)) throw new IllegalArgumentException(dtype + " with packing " + packing);
        long bytes = dtype.bytes(elements(shape));
        if (data.byteSize() < bytes) {
            throw new IllegalArgumentException("segment of " + data.byteSize() + " bytes is too short for " + dtype
                    + Arrays.toString(shape) + " (" + bytes + " bytes)");
        }
    }

    public Tensor(MemorySegment data, DType dtype, long... shape) {
        this(data, dtype, null, shape);
    }

    /// A matrix, or a stack of them, in several arrays.
    public static Tensor packed(Packing packing, long... shape) {
        return new Tensor(MemorySegment.NULL, DType.PACKED, packing, shape);
    }

    /// A heap tensor (F32) over an existing array; for tests and small host-side values.
    public static Tensor of(float[] values, long... shape) {
        return new Tensor(MemorySegment.ofArray(values), DType.F32, shape);
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    public int rank() {
        return shape.length;
    }

    public long dim(int axis) {
        return shape[axis];
    }

    /// Product of all dimensions but the last (1 for a vector).
    public int rows() {
        long rows = 1;
        for (int i = 0; i < shape.length - 1; i++) rows *= shape[i];
        return Math.toIntExact(rows);
    }

    /// The last dimension.
    public int cols() {
        return shape.length == 0 ? 1 : Math.toIntExact(shape[shape.length - 1]);
    }

    public long elements() {
        return elements(shape);
    }

    public long bytes() {
        return packing != null ? packing.bytes() : dtype.bytes(elements());
    }

    /// Rows [from, to) of the flattened (rows, cols) view; shares memory.
    public Tensor slice(int from, int to) {
        if (packing != null) return packed(packing.from(from), to - from, cols());
        long rowBytes = dtype.bytes(cols());
        return new Tensor(data.asSlice(from * rowBytes, (to - from) * rowBytes), dtype, to - from, cols());
    }

    /// The same memory with another shape of equal element count.
    public Tensor view(long... newShape) {
        if (elements(newShape) != elements()) {
            throw new IllegalArgumentException("cannot view " + Arrays.toString(shape) + " as " + Arrays.toString(newShape));
        }
        return new Tensor(data, dtype, packing, newShape);
    }

    /// Element of an F32 tensor by flat index; for tests and cold paths.
    public float get(long index) {
        return data.get(FLOAT, index * 4);
    }

    public void set(long index, float value) {
        data.set(FLOAT, index * 4, value);
    }

    /// Copy of an F32 tensor's elements.
    public float[] toArray() {
        float[] values = new float[Math.toIntExact(elements())];
        MemorySegment.copy(data, FLOAT, 0, values, 0, values.length);
        return values;
    }

    public boolean sameShape(Tensor other) {
        return Arrays.equals(shape, other.shape);
    }

    public String describe() {
        return (packing != null ? packing.describe() : dtype) + Arrays.toString(shape);
    }

    public static long elements(long... shape) {
        long product = 1;
        for (long dim : shape) {
            if (dim < 0) throw new IllegalArgumentException("negative dimension in " + Arrays.toString(shape));
            product = Math.multiplyExact(product, dim);
        }
        return product;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }

    @Override
    public String toString() {
        return describe();
    }
}
