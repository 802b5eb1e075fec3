// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

/// Logistic regression on a few inputs by Newton's method, pulled toward a prior: minimizes
/// sum_i log-loss_i + strength / 2 |w - prior|^2. The last weight is the intercept. Deterministic.
public final class Logistic {
    private Logistic() {}

    /// Weights (K + 1) for inputs x (N, K) and targets; `prior` may be null (zeros).
    public static double[] fit(double[][] x, boolean[] positive, double[] prior, double strength) {
        int k = (x.length == 0 ? prior.length - 1 : x[0].length) + 1;
        double[] center = prior == null ? new double[k] : prior;
        double[] w = center.clone();
        double loss = loss(x, positive, w, center, strength);
        for (int round = 0; round < 50; round++) {
            double[] gradient = new double[k];
            double[][] hessian = new double[k][k];
            for (int j = 0; j < k; j++) {
                gradient[j] = strength * (w[j] - center[j]);
                hessian[j][j] = strength + 1e-9;
            }
            for (int i = 0; i < x.length; i++) {
                double p = Logits.sigmoid(score(w, x[i]));
                double error = p - (positive[i] ? 1 : 0);
                double curve = p * (1 - p);
                for (int a = 0; a < k; a++) {
                    double xa = a == k - 1 ? 1 : x[i][a];
                    gradient[a] += error * xa;
                    for (int b = 0; b <= a; b++) hessian[a][b] += curve * xa * (b == k - 1 ? 1 : x[i][b]);
                }
            }
            double[] step = solve(hessian, gradient);
            double size = 1;
            double[] next = w;
            double nextLoss = loss;
            for (int half = 0; half < 30; half++, size /= 2) { // a full step may overshoot on separable data
                double[] tried = w.clone();
                for (int j = 0; j < k; j++) tried[j] -= size * step[j];
                double triedLoss = loss(x, positive, tried, center, strength);
                if (triedLoss < loss) {
                    next = tried;
                    nextLoss = triedLoss;
                    break;
                }
            }
            if (loss - nextLoss < 1e-9 * (1 + Math.abs(loss))) return next;
            w = next;
            loss = nextLoss;
        }
        return w;
    }

    public static double score(double[] w, double[] x) {
        double sum = w[w.length - 1];
        for (int j = 0; j < x.length; j++) sum += w[j] * x[j];
        return sum;
    }

    private static double loss(double[][] x, boolean[] positive, double[] w, double[] center, double strength) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            double z = score(w, x[i]);
            sum += Logits.softplus(positive[i] ? -z : z);
        }
        for (int j = 0; j < w.length; j++) sum += 0.5 * strength * (w[j] - center[j]) * (w[j] - center[j]);
        return sum;
    }

    /// Solves A s = g for a positive definite A given by its lower triangle (Cholesky).
    private static double[] solve(double[][] a, double[] g) {
        int n = g.length;
        double[] s = g.clone();
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = a[i][j];
                for (int m = 0; m < j; m++) sum -= a[i][m] * a[j][m];
                a[i][j] = i == j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / a[j][j];
            }
        }
        for (int i = 0; i < n; i++) {
            for (int m = 0; m < i; m++) s[i] -= a[i][m] * s[m];
            s[i] /= a[i][i];
        }
        for (int i = n - 1; i >= 0; i--) {
            for (int m = i + 1; m < n; m++) s[i] -= a[m][i] * s[m];
            s[i] /= a[i][i];
        }
        return s;
    }
}
