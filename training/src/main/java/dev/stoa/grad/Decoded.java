// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// F32 views of parts of frozen tensors in any storage format.
final class Decoded {
    private Decoded() {}

    /// Rows [from, to) of w (N, K) as a buffer of the workspace.
    static Tensor rows(Tape tape, Tensor w, int from, int to) {
        Tensor out = tape.workspace().f32(to - from, w.cols());
        MemorySegment.copy(Quant.decode(w.slice(from, to)), 0, out.data(), Tensor.FLOAT, 0, Math.toIntExact(out.elements()));
        return out;
    }

    /// out (R, H) = scale * table[rows[i]].
    static void gather(Tensor table, int[] rows, float scale, Tensor out) {
        int width = table.cols();
        for (int i = 0; i < rows.length; i++) {
            float[] row = Quant.decode(table.slice(rows[i], rows[i] + 1));
            if (scale != 1) for (int c = 0; c < width; c++) row[c] *= scale;
            MemorySegment.copy(row, 0, out.data(), Tensor.FLOAT, (long) i * width * Float.BYTES, width);
        }
    }

    /// out (T, C) = columns [from, from + C) of x (T, N).
    static void columns(Tensor x, int from, Tensor out) {
        long rowBytes = (long) x.cols() * Float.BYTES, partBytes = (long) out.cols() * Float.BYTES;
        for (int row = 0; row < x.rows(); row++) {
            MemorySegment.copy(x.data(), row * rowBytes + (long) from * Float.BYTES, out.data(), row * partBytes, partBytes);
        }
    }
}
