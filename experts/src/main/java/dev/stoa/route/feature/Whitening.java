// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import java.util.Arrays;
import java.util.List;

/// x = M (v - mean), M (K, N) the leading principal directions, each scaled to unit variance; regularized by 1e-4 of the
/// mean eigenvalue. Immutable.
public record Whitening(float[] mean, float[][] directions) {
    private static final int COMPONENTS = 768;
    private static final double RIDGE = 1e-4;
    private static final int SWEEPS = 30;

    /// Unit vector (K), or null when nothing is left after the projection.
    public float[] apply(float[] v) {
        float[] x = new float[directions.length];
        double square = 0;
        for (int k = 0; k < x.length; k++) {
            double sum = 0;
            for (int i = 0; i < v.length; i++) sum += (double) directions[k][i] * (v[i] - mean[i]);
            x[k] = (float) sum;
            square += sum * sum;
        }
        if (!(square > 0) || Double.isInfinite(square)) return null;
        for (int k = 0; k < x.length; k++) x[k] /= (float) Math.sqrt(square);
        return x;
    }

    /// Fits on rows (R, N) to min(768, N, R - 1) components.
    public static Whitening fit(List<float[]> rows) {
        int n = rows.getFirst().length;
        double[] mean = new double[n];
        for (float[] row : rows) for (int i = 0; i < n; i++) mean[i] += row[i] / (double) rows.size();
        double[][] covariance = new double[n][n];
        double[] centered = new double[n];
        for (float[] row : rows) {
            for (int i = 0; i < n; i++) centered[i] = row[i] - mean[i];
            for (int i = 0; i < n; i++) {
                double scale = centered[i] / Math.max(1, rows.size() - 1);
                double[] out = covariance[i];
                for (int j = 0; j < n; j++) out[j] += scale * centered[j];
            }
        }
        double[][] vectors = new double[n][n]; // row k: the k-th eigenvector
        double[] values = eigen(covariance, vectors);
        double ridge = RIDGE * Arrays.stream(values).sum() / n;
        Integer[] order = new Integer[n];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(values[b], values[a]));
        int count = Math.clamp(rows.size() - 1, 1, Math.min(COMPONENTS, n));
        float[][] directions = new float[count][n];
        for (int k = 0; k < count; k++) {
            double[] vector = vectors[order[k]];
            double scale = 1 / Math.sqrt(Math.max(0, values[order[k]]) + ridge + Double.MIN_NORMAL);
            // The sign of an eigenvector is arbitrary: the largest entry is made positive.
            int largest = 0;
            for (int i = 0; i < n; i++) if (Math.abs(vector[i]) > Math.abs(vector[largest])) largest = i;
            if (vector[largest] < 0) scale = -scale;
            for (int i = 0; i < n; i++) directions[k][i] = (float) (scale * vector[i]);
        }
        float[] narrow = new float[n];
        for (int i = 0; i < n; i++) narrow[i] = (float) mean[i];
        return new Whitening(narrow, directions);
    }

    /// Eigenvalues of a symmetric matrix, which is destroyed; eigenvectors into the rows of `vectors` (cyclic Jacobi).
    static double[] eigen(double[][] a, double[][] vectors) {
        int n = a.length;
        double total = 0;
        for (int i = 0; i < n; i++) {
            vectors[i][i] = 1;
            for (int j = 0; j < n; j++) total += a[i][j] * a[i][j];
        }
        for (int sweep = 0; sweep < SWEEPS; sweep++) {
            double off = 0;
            for (int p = 0; p < n; p++) for (int q = p + 1; q < n; q++) off += 2 * a[p][q] * a[p][q];
            if (off <= 1e-22 * total) break;
            for (int p = 0; p < n; p++) for (int q = p + 1; q < n; q++) if (a[p][q] != 0) rotate(a, vectors, p, q);
        }
        double[] values = new double[n];
        for (int i = 0; i < n; i++) values[i] = a[i][i];
        return values;
    }

    private static void rotate(double[][] a, double[][] vectors, int p, int q) {
        double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        double t = Math.copySign(1, theta) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        double c = 1 / Math.sqrt(t * t + 1);
        double s = t * c;
        for (double[] row : a) {
            double x = row[p];
            row[p] = c * x - s * row[q];
            row[q] = s * x + c * row[q];
        }
        turn(a[p], a[q], c, s);
        turn(vectors[p], vectors[q], c, s);
    }

    private static void turn(double[] p, double[] q, double c, double s) {
        for (int i = 0; i < p.length; i++) {
            double x = p[i];
            p[i] = c * x - s * q[i];
            q[i] = s * x + c * q[i];
        }
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(mean);
    }
}
