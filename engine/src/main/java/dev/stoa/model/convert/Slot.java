// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.format.TensorItem;
import dev.stoa.quant.Quant;
import dev.stoa.quant.QuantFormat;
import dev.stoa.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Map;

/// One tensor of the written file: its name and shape there, and the canonical tensors it is made of, one after another.
record Slot(String name, long[] shape, List<String> parts) {
    private static final int CHUNK = 1 << 18;

    Slot {
        parts = List.copyOf(parts);
    }

    /// The tensor as it will be written. Values stay bit for bit where the type stays and nothing is added to them.
    TensorItem item(Map<String, Piece> pieces, DType dtype) {
        Piece first = pieces.get(parts.getFirst());
        if (parts.size() == 1 && first.untouched() && first.source().packing() == null && first.source().dtype() == dtype) {
            TensorItem copy = TensorItem.copy(name, first.source());
            return new TensorItem(name, dtype, shape, copy.body());
        }
        return new TensorItem(name, dtype, shape, out -> {
            for (String part : parts) write(pieces.get(part), dtype, out);
        });
    }

    /// Encodes a few rows at a time.
    private static void write(Piece piece, DType dtype, WritableByteChannel out) throws IOException {
        QuantFormat format = Quant.format(dtype);
        int cols = piece.source().cols();
        int rows = piece.source().rows();
        int step = Math.max(1, Math.min(rows, CHUNK / Math.max(1, cols)));
        float[] values = new float[Math.multiplyExact(step, cols)];
        float[] scratch = new float[cols];
        byte[] bytes = new byte[Math.toIntExact(dtype.bytes(values.length))];
        for (int row = 0; row < rows; row += step) {
            int count = Math.min(step, rows - row);
            for (int i = 0; i < count; i++) piece.row(row + i, values, i * cols, scratch);
            format.encode(values, 0, count * cols, MemorySegment.ofArray(bytes), 0);
            ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, Math.toIntExact(dtype.bytes((long) count * cols)));
            while (buffer.hasRemaining()) out.write(buffer);
        }
    }
}
