// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import java.util.Arrays;

/// An operation in double precision, written as its definition: the oracle of the F32 operation, itself checked against
/// central differences. `mutant` plants the mistake that the check must notice.
sealed interface Twin {
    double[] forward(double[][] in);

    /// Gradients of every input for the output gradient g.
    double[][] backward(double[][] in, double[] g);

    /// y = x Wt + s (x At) Bt with inputs x, A, B (W fixed as the last input without gradient).
    record Lora(int rows, int inputs, int outputs, int rank, double scale, boolean mutant) implements Twin {
        @Override
        public double[] forward(double[][] in) {
            double[] u = multiply(in[0], rows, inputs, in[1], rank, true), y = multiply(in[0], rows, inputs, in[3], outputs, true);
            double[] update = multiply(u, rows, rank, in[2], outputs, true);
            for (int i = 0; i < y.length; i++) y[i] += scale * update[i];
            return y;
        }

        @Override
        public double[][] backward(double[][] in, double[] g) {
            double[] u = multiply(in[0], rows, inputs, in[1], rank, true), v = multiply(g, rows, outputs, in[2], rank, false);
            double[] da = multiply(transpose(v, rows, rank), rank, rows, in[0], inputs, false);
            double[] db = multiply(transpose(g, rows, outputs), outputs, rows, u, rank, false);
            double[] dx = multiply(g, rows, outputs, in[3], inputs, false), through = multiply(v, rows, rank, in[1], inputs, false);
            for (int i = 0; i < dx.length; i++) dx[i] += scale * through[i];
            for (int i = 0; i < da.length; i++) da[i] *= mutant ? 1 : scale;
            for (int i = 0; i < db.length; i++) db[i] *= scale;
            return new double[][] {dx, da, db, null};
        }
    }

    /// Inputs x and w.
    record Rms(int rows, int width, double eps, double offset, boolean mutant) implements Twin {
        @Override
        public double[] forward(double[][] in) {
            double[] y = new double[rows * width];
            for (int row = 0; row < rows; row++) {
                double r = inverse(in[0], row);
                for (int i = 0; i < width; i++) y[row * width + i] = in[0][row * width + i] * r * (in[1][i] + offset);
            }
            return y;
        }

        private double inverse(double[] x, int row) {
            double sum = 0;
            for (int i = 0; i < width; i++) sum += x[row * width + i] * x[row * width + i];
            return 1 / Math.sqrt(sum / width + eps);
        }

        @Override
        public double[][] backward(double[][] in, double[] g) {
            double[] dx = new double[rows * width], dw = new double[width];
            for (int row = 0; row < rows; row++) {
                double r = inverse(in[0], row), dot = 0;
                for (int i = 0; i < width; i++) dot += g[row * width + i] * (in[1][i] + offset) * in[0][row * width + i];
                for (int i = 0; i < width; i++) {
                    int at = row * width + i;
                    dx[at] = g[at] * (in[1][i] + offset) * r - (mutant ? 0 : in[0][at] * r * r * r * dot / width);
                    dw[i] += g[at] * in[0][at] * r;
                }
            }
            return new double[][] {dx, dw};
        }
    }

    /// Input x (rows, heads * dim); channel i turns with channel i + frequencies.length.
    record Rope(int rows, int heads, int dim, int[] positions, double[] frequencies, double magnitude, boolean mutant) implements Twin {
        @Override
        public double[] forward(double[][] in) {
            return turn(in[0], 1);
        }

        @Override
        public double[][] backward(double[][] in, double[] g) {
            return new double[][] {turn(g, mutant ? 1 : -1)};
        }

        private double[] turn(double[] x, int direction) {
            double[] y = x.clone();
            for (int row = 0; row < rows; row++) {
                for (int i = 0; i < heads * frequencies.length; i++) {
                    int pair = i % frequencies.length, a = (row * heads + i / frequencies.length) * dim + pair, b = a + frequencies.length;
                    double cos = magnitude * Math.cos(positions[row] * frequencies[pair]);
                    double sin = magnitude * direction * Math.sin(positions[row] * frequencies[pair]);
                    y[a] = x[a] * cos - x[b] * sin;
                    y[b] = x[b] * cos + x[a] * sin;
                }
            }
            return y;
        }
    }

    /// Inputs q, k, v. Mutants: 1 maps heads to key heads by remainder, 2 lets a row see the sample before its own.
    record Attention(int[] starts, int heads, int kvHeads, int dim, double scale, int mutant) implements Twin {
        private int rows() {
            return starts[starts.length - 1];
        }

        private int key(int head, boolean wrong) {
            return wrong ? head % kvHeads : head * kvHeads / heads;
        }

        private double[] probabilities(double[][] in, int row, int head, boolean backward) {
            double[] p = new double[rows()];
            int key = key(head, backward && mutant == 1), first = 0;
            for (int start : starts) if (start <= row && !(backward && mutant == 2 && row - start < 1)) first = start;
            double max = Double.NEGATIVE_INFINITY, sum = 0;
            for (int j = first; j <= row; j++) {
                for (int d = 0; d < dim; d++) p[j] += scale * in[0][(row * heads + head) * dim + d] * in[1][(j * kvHeads + key) * dim + d];
                max = Math.max(max, p[j]);
            }
            for (int j = first; j <= row; j++) sum += p[j] = Math.exp(p[j] - max);
            for (int j = first; j <= row; j++) p[j] /= sum;
            return p;
        }

        @Override
        public double[] forward(double[][] in) {
            double[] y = new double[rows() * heads * dim];
            for (int i = 0; i < rows() * heads; i++) {
                double[] p = probabilities(in, i / heads, i % heads, false);
                int key = key(i % heads, false);
                for (int j = 0; j < rows(); j++) for (int d = 0; d < dim; d++) y[i * dim + d] += p[j] * in[2][(j * kvHeads + key) * dim + d];
            }
            return y;
        }

        @Override
        public double[][] backward(double[][] in, double[] g) {
            double[][] out = {new double[in[0].length], new double[in[1].length], new double[in[2].length]};
            for (int i = 0; i < rows() * heads; i++) {
                double[] p = probabilities(in, i / heads, i % heads, true), dp = new double[rows()];
                int key = key(i % heads, mutant == 1);
                double delta = 0;
                for (int j = 0; j < rows(); j++) {
                    for (int d = 0; d < dim; d++) {
                        dp[j] += g[i * dim + d] * in[2][(j * kvHeads + key) * dim + d];
                        out[2][(j * kvHeads + key) * dim + d] += p[j] * g[i * dim + d];
                    }
                    delta += p[j] * dp[j];
                }
                for (int j = 0; j < rows(); j++) {
                    double ds = scale * p[j] * (dp[j] - delta);
                    for (int d = 0; d < dim; d++) {
                        out[0][i * dim + d] += ds * in[1][(j * kvHeads + key) * dim + d];
                        out[1][(j * kvHeads + key) * dim + d] += ds * in[0][i * dim + d];
                    }
                }
            }
            return out;
        }
    }

    /// Inputs gate and up.
    record Glu(int count, boolean mutant) implements Twin {
        @Override
        public double[] forward(double[][] in) {
            double[] y = new double[count];
            for (int i = 0; i < count; i++) y[i] = in[0][i] / (1 + Math.exp(-in[0][i])) * in[1][i];
            return y;
        }

        @Override
        public double[][] backward(double[][] in, double[] g) {
            double[][] out = new double[2][count];
            for (int i = 0; i < count; i++) {
                double s = 1 / (1 + Math.exp(-in[0][i]));
                out[0][i] = g[i] * in[1][i] * s * (1 + (mutant ? 0 : in[0][i] * (1 - s)));
                out[1][i] = g[i] * in[0][i] * s;
            }
            return out;
        }
    }

    /// One output: sum of hard * nll + soft * KL(base || model). Inputs x (rows, width), W (vocab, width), and base hidden
    /// states (rows, width) without gradient.
    record Head(int rows, int width, int vocab, int[] targets, double[] hard, double[] soft, boolean mutant) implements Twin {
        private double[] logProbabilities(double[] x, double[] w, int row) {
            double[] z = new double[vocab];
            double max = Double.NEGATIVE_INFINITY, sum = 0;
            for (int v = 0; v < vocab; v++) {
                for (int i = 0; i < width; i++) z[v] += x[row * width + i] * w[v * width + i];
                max = Math.max(max, z[v]);
            }
            for (double value : z) sum += Math.exp(value - max);
            for (int v = 0; v < vocab; v++) z[v] -= max + Math.log(sum);
            return z;
        }

        @Override
        public double[] forward(double[][] in) {
            double sum = 0;
            for (int row = 0; row < rows; row++) {
                double[] p = logProbabilities(in[0], in[1], row), q = logProbabilities(in[2], in[3], row);
                sum -= hard[row] * p[targets[row]];
                for (int v = 0; v < vocab; v++) sum += soft[row] * Math.exp(q[v]) * (q[v] - p[v]);
            }
            return new double[] {sum};
        }

        @Override
        public double[][] backward(double[][] in, double[] g) {
            double[][] out = {new double[in[0].length], new double[in[1].length], null, null};
            for (int row = 0; row < rows; row++) {
                double[] p = logProbabilities(in[0], in[1], row), q = logProbabilities(in[2], in[3], row);
                for (int v = 0; v < vocab; v++) {
                    double hot = v == targets[row] ? 1 : 0;
                    double dz = g[0] * (hard[row] * (Math.exp(p[v]) - hot) + soft[row] * (Math.exp(p[v]) - (mutant ? hot : Math.exp(q[v]))));
                    for (int i = 0; i < width; i++) {
                        out[0][row * width + i] += dz * in[1][v * width + i];
                        out[1][v * width + i] += dz * in[0][row * width + i];
                    }
                }
            }
            return out;
        }
    }

    /// a (m, k) times b (n, k) transposed, or b (k, n).
    private static double[] multiply(double[] a, int m, int k, double[] b, int n, boolean transposed) {
        double[] c = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                for (int p = 0; p < k; p++) c[i * n + j] += a[i * k + p] * (transposed ? b[j * k + p] : b[p * n + j]);
            }
        }
        return c;
    }

    private static double[] transpose(double[] a, int rows, int columns) {
        double[] t = new double[a.length];
        for (int i = 0; i < rows; i++) for (int j = 0; j < columns; j++) t[j * rows + i] = a[i * columns + j];
        return t;
    }

    /// Largest difference between the twin's gradients and central differences of its forward, relative to the largest
    /// gradient of the same input.
    static double differenceError(Twin twin, double[][] in, double[] g) {
        double step = 1e-5, worst = 0;
        double[][] gradients = twin.backward(in, g);
        for (int input = 0; input < in.length; input++) {
            if (gradients[input] == null) continue;
            double scale = Math.max(1e-3, Arrays.stream(gradients[input]).map(Math::abs).max().orElse(0));
            for (int i = 0; i < in[input].length; i++) {
                double old = in[input][i];
                in[input][i] = old + step;
                double above = dot(twin.forward(in), g);
                in[input][i] = old - step;
                double below = dot(twin.forward(in), g);
                in[input][i] = old;
                worst = Math.max(worst, Math.abs((above - below) / (2 * step) - gradients[input][i]) / scale);
            }
        }
        return worst;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
    }
}
