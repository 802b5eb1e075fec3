// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;

/// Lookups of rows: the embedding, out (T, H) = scale * table[ids], and the selection of rows that have a loss.
public final class Rows {
    private Rows() {}

    /// `table` (V, H) may have any storage format while it is frozen.
    public static Value embed(Tape tape, Parameter table, int[] ids, float scale) {
        Tensor y = tape.workspace().f32(ids.length, table.value().cols());
        if (table.value().dtype() == DType.F32) tape.kernels().gradients().gather(table.value(), ids, scale, y);
        else Decoded.gather(table.value(), ids, scale, y);
        Value out = tape.value(y, tape.trains(table));
        tape.record(out, () -> tape.kernels().gradients().scatterAdd(out.gradient(), ids, scale, table.gradient()));
        return out;
    }

    /// out (R, H) = x[rows]; `rows` are distinct.
    public static Value select(Tape tape, Value x, int[] rows) {
        Tensor y = tape.workspace().f32(rows.length, x.data().cols());
        tape.kernels().gradients().gather(x.data(), rows, 1, y);
        Value out = tape.value(y, x.wanted());
        tape.record(out, () -> {
            boolean first = x.gradient() == null;
            Tensor dx = x.into(tape.workspace());
            if (first) dx.data().fill((byte) 0);
            tape.kernels().gradients().scatterAdd(out.gradient(), rows, 1, dx);
        });
        return out;
    }
}
