// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Matmul;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;

/// Products with one double sum per output. Weights stay in their format; a row is decoded when it is used.
final class ScalarMatmul implements Matmul {
    private final Workers workers;

    ScalarMatmul(Workers workers) {
        this.workers = workers;
    }

    private record InPlace(Tensor source, boolean rounded) implements PackedWeight {
        @Override
        public int outputs() {
            return source.rows();
        }

        @Override
        public int inputs() {
            return source.cols();
        }
    }

    @Override
    public PackedWeight pack(Tensor w, Scope scope) {
        return map(w);
    }

    @Override
    public PackedWeight map(Tensor w) {
        Quant.requireSupported(w);
        return new InPlace(w, false);
    }

    @Override
    public PackedWeight packRounded(Tensor w, Scope scope) {
        Quant.requireSupported(w);
        return new InPlace(w, ScalarRounded.has(w.dtype()));
    }

    @Override
    public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
        // x (M, K), w (N, K), y (M, N)
        Shapes.multiply(x, w, y);
        if (w instanceof InPlace place && place.rounded()) {
            multiplyRounded(x, w.source(), y, accumulate);
            return;
        }
        int m = x.rows();
        int k = w.inputs();
        int n = w.outputs();
        workers.parallel(n, 1, (worker, from, to) -> {
            float[] weights = new float[k];
            for (int j = from; j < to; j++) {
                Quant.decodeRow(w.source(), j, weights, 0);
                for (int i = 0; i < m; i++) {
                    double sum = 0;
                    for (int p = 0; p < k; p++) sum += (double) x.get((long) i * k + p) * weights[p];
                    long at = (long) i * n + j;
                    y.set(at, accumulate ? y.get(at) + (float) sum : (float) sum);
                }
            }
        });
    }

    private void multiplyRounded(Tensor x, Tensor w, Tensor y, boolean accumulate) {
        int k = w.cols();
        int n = w.rows();
        int[][] values = new int[x.rows()][k];
        float[][] scales = new float[x.rows()][k / 32];
        for (int i = 0; i < x.rows(); i++) ScalarRounded.round(x, (long) i * k, values[i], scales[i]);
        workers.parallel(n, 1, (worker, from, to) -> {
            ScalarRounded row = new ScalarRounded(w.dtype(), k);
            for (int j = from; j < to; j++) {
                row.read(w, j);
                for (int i = 0; i < values.length; i++) {
                    long at = (long) i * n + j;
                    float sum = row.dot(values[i], scales[i]);
                    y.set(at, accumulate ? y.get(at) + sum : sum);
                }
            }
        });
    }

    @Override
    public void gemm(boolean transposeA, Tensor a, boolean transposeB, Tensor b, float alpha, float beta, Tensor c) {
        // c (M, N), op(a) (M, K), op(b) (K, N)
        int k = Shapes.gemm(transposeA, a, transposeB, b, c);
        int m = c.rows();
        int n = c.cols();
        workers.parallel(m, 1, (worker, from, to) -> {
            for (int i = from; i < to; i++) {
                for (int j = 0; j < n; j++) {
                    double sum = 0;
                    for (int p = 0; p < k; p++) {
                        double left = a.get(transposeA ? (long) p * m + i : (long) i * k + p);
                        sum += left * b.get(transposeB ? (long) j * k + p : (long) p * n + j);
                    }
                    long at = (long) i * n + j;
                    c.set(at, (float) (beta == 0 ? alpha * sum : alpha * sum + (double) beta * c.get(at)));
                }
            }
        });
    }
}
