// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;

/// A canonical tensor on its way from one layout into another: where its values are, and how rows, columns and values
/// change. Row `i` of the result is row `rows[i]` of the source, column `i` column `columns[i]`; null leaves the order.
///
/// @param added what is added to every value: a norm's folded 1, or its removal
/// @param decay how a decay is spelled: kept, `A_log` to -exp(A_log), or back
record Piece(Tensor source, int[] rows, int[] columns, float added, Decay decay) {
    enum Decay { KEPT, TO_NEGATED, FROM_NEGATED }

    /// Whether the result has the bytes of the source when the type stays.
    boolean untouched() {
        return rows == null && columns == null && added == 0 && decay == Decay.KEPT;
    }

    /// Values of the result's row `row`, into out[from, from + columns); `scratch` holds a row.
    void row(int row, float[] out, int from, float[] scratch) {
        int cols = source.cols();
        // A vector is one row for a tensor, but its elements are the rows that a layout permutes.
        boolean vector = source.rank() == 1;
        int[] order = vector ? rows : columns;
        Quant.decodeRow(source, rows == null || vector ? row : rows[row], scratch, 0);
        for (int c = 0; c < cols; c++) {
            float value = scratch[order == null ? c : order[c]];
            out[from + c] = switch (decay) {
                case KEPT -> added == 0 ? value : value + added;
                case TO_NEGATED -> (float) -Math.exp(value);
                case FROM_NEGATED -> (float) Math.log(-value);
            };
        }
    }
}
