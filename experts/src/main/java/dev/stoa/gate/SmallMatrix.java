// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import java.util.Arrays;

/// A dense matrix of doubles, row-major, for the few hundred rows a gate works with. Immutable by convention: no
/// method writes to its own values. Written for accuracy, not for speed.
record SmallMatrix(int rows, int cols, double[] values) {
    private static final int MAX_SWEEPS = 60;

    /// Left vectors u (rows, k), values s descending, right vectors v (cols, k), with k = min(rows, cols).
    record Svd(SmallMatrix u, double[] s, SmallMatrix v) {}

    /// Eigenvalues descending; column i of `vectors` belongs to value i.
    record Eigen(double[] values, SmallMatrix vectors) {}

    SmallMatrix {
        if (values.length != Math.multiplyExact(rows, cols)) {
            throw new IllegalArgumentException(values.length + " values for " + rows + " x " + cols);
        }
    }

    static SmallMatrix zero(int rows, int cols) {
        return new SmallMatrix(rows, cols, new double[Math.multiplyExact(rows, cols)]);
    }

    static SmallMatrix identity(int n) {
        SmallMatrix one = zero(n, n);
        for (int i = 0; i < n; i++) one.values[i * n + i] = 1;
        return one;
    }

    double at(int row, int col) {
        return values[row * cols + col];
    }

    SmallMatrix transpose() {
        SmallMatrix result = zero(cols, rows);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < cols; j++) result.values[j * rows + i] = values[i * cols + j];
        }
        return result;
    }

    /// this (n, k) times the transpose of other (m, k): every pair of rows, multiplied.
    SmallMatrix timesTransposed(SmallMatrix other) {
        if (cols != other.cols) throw new IllegalArgumentException(cols + " and " + other.cols + " columns");
        SmallMatrix result = zero(rows, other.rows);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < other.rows; j++) {
                double sum = 0;
                for (int k = 0, p = i * cols, q = j * cols; k < cols; k++) sum += values[p + k] * other.values[q + k];
                result.values[i * other.rows + j] = sum;
            }
        }
        return result;
    }

    SmallMatrix times(SmallMatrix other) {
        return timesTransposed(other.transpose());
    }

    double frobenius() {
        double sum = 0;
        for (double value : values) sum += value * value;
        return Math.sqrt(sum);
    }

    /// R (min(rows, cols), cols) of this = Q R, by Householder reflections (Golub and Van Loan §5.2).
    SmallMatrix triangle() {
        double[] work = values.clone();
        int steps = Math.min(rows, cols);
        for (int k = 0; k < steps; k++) {
            double norm = 0;
            for (int i = k; i < rows; i++) norm = Math.hypot(norm, work[i * cols + k]);
            if (norm == 0) continue;
            double alpha = work[k * cols + k] > 0 ? -norm : norm;
            double[] v = new double[rows];
            double length = 0;
            for (int i = k; i < rows; i++) {
                v[i] = work[i * cols + k] - (i == k ? alpha : 0);
                length += v[i] * v[i];
            }
            if (length == 0) continue;
            for (int j = k; j < cols; j++) {
                double dot = 0;
                for (int i = k; i < rows; i++) dot += v[i] * work[i * cols + j];
                for (int i = k; i < rows; i++) work[i * cols + j] -= 2 * dot / length * v[i];
            }
        }
        SmallMatrix r = zero(steps, cols);
        for (int i = 0; i < steps; i++) {
            for (int j = i; j < cols; j++) r.values[i * cols + j] = work[i * cols + j];
        }
        return r;
    }

    /// One-sided Jacobi (Hestenes 1958): rotates pairs of columns until all are orthogonal. Small singular values
    /// come out with high relative accuracy.
    Svd svd() {
        if (rows < cols) {
            Svd other = transpose().svd();
            return new Svd(other.v, other.s, other.u);
        }
        SmallMatrix columns = new SmallMatrix(cols, rows, transpose().values); // row i is column i
        SmallMatrix rotations = identity(cols); // row i is column i of V
        boolean turned = true;
        for (int sweep = 0; turned && sweep < MAX_SWEEPS; sweep++) {
            turned = false;
            for (int p = 0; p < cols; p++) {
                for (int q = p + 1; q < cols; q++) turned |= orthogonalize(columns, rotations, p, q);
            }
        }
        double[] norms = new double[cols];
        Integer[] order = new Integer[cols];
        for (int i = 0; i < cols; i++) {
            norms[i] = Math.sqrt(dot(columns, i, i));
            order[i] = i;
        }
        Arrays.sort(order, (i, j) -> Double.compare(norms[j], norms[i]));
        Svd svd = new Svd(zero(rows, cols), new double[cols], zero(cols, cols));
        for (int i = 0; i < cols; i++) {
            int from = order[i];
            svd.s[i] = norms[from];
            for (int k = 0; k < rows; k++) {
                svd.u.values[k * cols + i] = norms[from] == 0 ? 0 : columns.values[from * rows + k] / norms[from];
            }
            for (int k = 0; k < cols; k++) svd.v.values[k * cols + i] = rotations.values[from * cols + k];
        }
        return svd;
    }

    private static boolean orthogonalize(SmallMatrix columns, SmallMatrix rotations, int p, int q) {
        double alpha = dot(columns, p, p);
        double beta = dot(columns, q, q);
        double gamma = dot(columns, p, q);
        if (gamma == 0 || Math.abs(gamma) <= 1e-16 * Math.sqrt(alpha * beta)) return false;
        double zeta = (beta - alpha) / (2 * gamma);
        double t = Math.signum(zeta) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        if (zeta == 0) t = 1;
        double c = 1 / Math.sqrt(1 + t * t);
        rotate(columns, p, q, c, c * t);
        rotate(rotations, p, q, c, c * t);
        return Math.abs(gamma) > 1e-14 * Math.sqrt(alpha * beta);
    }

    /// Rows p and q become c p - s q and s p + c q.
    private static void rotate(SmallMatrix m, int p, int q, double c, double s) {
        for (int k = 0; k < m.cols; k++) {
            double x = m.values[p * m.cols + k];
            double y = m.values[q * m.cols + k];
            m.values[p * m.cols + k] = c * x - s * y;
            m.values[q * m.cols + k] = s * x + c * y;
        }
    }

    private static double dot(SmallMatrix m, int p, int q) {
        double sum = 0;
        for (int k = 0; k < m.cols; k++) sum += m.values[p * m.cols + k] * m.values[q * m.cols + k];
        return sum;
    }

    /// Eigenvalues and vectors of a symmetric matrix, by cyclic Jacobi rotations (Golub and Van Loan §8.5).
    Eigen symmetricEigen() {
        int n = rows;
        double[] a = values.clone();
        SmallMatrix vectors = identity(n); // row i is vector i
        for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
            double off = 0;
            double all = 0;
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    all += a[i * n + j] * a[i * n + j];
                    if (i != j) off += a[i * n + j] * a[i * n + j];
                }
            }
            if (off <= 1e-34 * all) break;
            for (int p = 0; p < n; p++) {
                for (int q = p + 1; q < n; q++) jacobi(a, n, vectors, p, q);
            }
        }
        Integer[] order = new Integer[n];
        for (int i = 0; i < n; i++) order[i] = i;
        Arrays.sort(order, (i, j) -> Double.compare(a[j * n + j], a[i * n + i]));
        Eigen eigen = new Eigen(new double[n], zero(n, n));
        for (int i = 0; i < n; i++) {
            eigen.values[i] = a[order[i] * n + order[i]];
            for (int k = 0; k < n; k++) eigen.vectors.values[k * n + i] = vectors.values[order[i] * n + k];
        }
        return eigen;
    }

    private static void jacobi(double[] a, int n, SmallMatrix vectors, int p, int q) {
        double apq = a[p * n + q];
        if (apq == 0) return;
        double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        double t = theta == 0 ? 1 : Math.signum(theta) / (Math.abs(theta) + Math.sqrt(1 + theta * theta));
        double c = 1 / Math.sqrt(1 + t * t);
        double s = c * t;
        for (int k = 0; k < n; k++) {
            double x = a[k * n + p];
            double y = a[k * n + q];
            a[k * n + p] = c * x - s * y;
            a[k * n + q] = s * x + c * y;
        }
        for (int k = 0; k < n; k++) {
            double x = a[p * n + k];
            double y = a[q * n + k];
            a[p * n + k] = c * x - s * y;
            a[q * n + k] = s * x + c * y;
        }
        a[p * n + q] = 0;
        a[q * n + p] = 0;
        rotate(vectors, p, q, c, s);
    }
}
