// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.quant.Quant;
import dev.stoa.quant.QuantFormat;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/// One tensor on its way into a file: its description, known before anything is written, and a body that writes exactly
/// its bytes when its turn comes, so that a model is converted one piece at a time.
public record TensorItem(String name, DType dtype, long[] shape, Body body) {
    private static final int CHUNK = 1 << 20;

    /// Writes all bytes of the tensor.
    @FunctionalInterface
    public interface Body {
        void write(WritableByteChannel out) throws IOException;
    }

    /// The bytes of a tensor as they are.
    public static TensorItem copy(String name, Tensor source) {
        if (source.packing() != null) throw new IllegalArgumentException(name + " is " + source.describe() + ", which must be encoded");
        return new TensorItem(name, source.dtype(), source.shape(), out -> {
            byte[] chunk = new byte[CHUNK];
            MemorySegment window = MemorySegment.ofArray(chunk);
            for (long at = 0; at < source.bytes(); at += CHUNK) {
                int n = (int) Math.min(CHUNK, source.bytes() - at);
                MemorySegment.copy(source.data(), at, window, 0, n);
                writeFully(out, ByteBuffer.wrap(chunk, 0, n));
            }
        });
    }

    /// The values of a tensor in another format, a few rows at a time. Rows must fill whole blocks of `dtype`.
    public static TensorItem encode(String name, Tensor source, DType dtype) {
        if (source.packing() == null && source.dtype() == dtype) return copy(name, source);
        QuantFormat format = Quant.format(dtype);
        int cols = source.cols();
        Fault.require(cols % dtype.blockElements() == 0, EngineFault.TENSOR_MISMATCH,
                "%s: rows of %d values do not fill %s blocks of %d", name, cols, dtype, dtype.blockElements());
        return new TensorItem(name, dtype, source.shape(), out -> {
            int rows = Math.max(1, CHUNK / Math.max(1, cols));
            float[] values = new float[Math.multiplyExact(Math.min(rows, Math.max(1, source.rows())), cols)];
            byte[] bytes = new byte[Math.toIntExact(dtype.bytes(values.length))];
            for (int row = 0; row < source.rows(); row += rows) {
                int count = Math.min(rows, source.rows() - row);
                for (int i = 0; i < count; i++) Quant.decodeRow(source, row + i, values, i * cols);
                format.encode(values, 0, count * cols, MemorySegment.ofArray(bytes), 0);
                writeFully(out, ByteBuffer.wrap(bytes, 0, (int) dtype.bytes((long) count * cols)));
            }
        });
    }

    public TensorItem {
        shape = shape.clone();
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    public long bytes() {
        return dtype.bytes(Tensor.elements(shape));
    }

    /// Writes the body and checks that it was as long as promised.
    void writeTo(WritableByteChannel out) throws IOException {
        long[] written = {0};
        body.write(new WritableByteChannel() {
            @Override
            public int write(ByteBuffer source) throws IOException {
                int n = out.write(source);
                written[0] += n;
                return n;
            }

            @Override
            public boolean isOpen() {
                return out.isOpen();
            }

            @Override
            public void close() {}
        });
        if (written[0] != bytes()) throw new IllegalStateException(name + ": " + written[0] + " bytes written, " + bytes() + " promised");
    }

    static void writeFully(WritableByteChannel out, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) out.write(bytes);
    }
}
