// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

/// A matrix (rows N, cols K) kept column by column, so that y = M x is K additions of scaled vectors of length N:
/// a form that compiles to vector instructions without reordering any sum.
public final class Columns {
    private final float[][] columns; // [K][N]
    private final int rows;

    /// Takes ownership of `columns` ([K][N]).
    public Columns(float[][] columns, int rows) {
        this.columns = columns;
        this.rows = rows;
        for (float[] column : columns) {
            if (column.length != rows) throw new IllegalArgumentException("ragged matrix");
        }
    }

    /// From row-major values (N, K).
    public static Columns ofRows(float[] values, int rows, int cols) {
        float[][] columns = new float[cols][rows];
        for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) columns[c][r] = values[r * cols + c];
        return new Columns(columns, rows);
    }

    public int rows() {
        return rows;
    }

    public int cols() {
        return columns.length;
    }

    /// y (N) += M (N, K) x (K).
    public void multiply(float[] x, float[] y) {
        for (int k = 0; k < columns.length; k++) {
            float scale = x[k];
            if (scale == 0) continue;
            float[] column = columns[k];
            for (int n = 0; n < rows; n++) y[n] += scale * column[n];
        }
    }

    /// Row-major copy (N, K).
    public float[] toRows() {
        float[] values = new float[rows * columns.length];
        for (int r = 0; r < rows; r++) for (int c = 0; c < columns.length; c++) values[r * columns.length + c] = columns[c][r];
        return values;
    }
}
