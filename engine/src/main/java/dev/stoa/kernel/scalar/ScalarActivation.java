// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Activation;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;

/// Elementwise functions, each computed in double and rounded once.
final class ScalarActivation implements Activation {
    private final Workers workers;

    ScalarActivation(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void swiglu(Tensor gate, Tensor up, Tensor y) {
        // all (T, F); silu(g) = g / (1 + exp(-g))
        Shapes.same(gate, up, y);
        int f = gate.cols();
        workers.parallel(gate.rows(), 1, (worker, from, to) -> {
            for (long i = (long) from * f; i < (long) to * f; i++) {
                double g = gate.get(i);
                y.set(i, (float) (g / (1 + Math.exp(-g)) * up.get(i)));
            }
        });
    }

    @Override
    public void axpy(float alpha, Tensor x, Tensor y) {
        Shapes.same(x, y);
        int width = x.cols();
        workers.parallel(x.rows(), 1, (worker, from, to) -> {
            for (long i = (long) from * width; i < (long) to * width; i++) {
                y.set(i, (float) ((double) alpha * x.get(i) + y.get(i)));
            }
        });
    }

    @Override
    public void logSoftmax(Tensor x) {
        // x (T, V)
        Shapes.same(x);
        int v = x.cols();
        workers.parallel(x.rows(), 1, (worker, from, to) -> {
            for (int t = from; t < to; t++) {
                long row = (long) t * v;
                double max = Double.NEGATIVE_INFINITY;
                for (int i = 0; i < v; i++) max = Math.max(max, x.get(row + i));
                double sum = 0;
                for (int i = 0; i < v; i++) sum += Math.exp(x.get(row + i) - max);
                double logSum = max + Math.log(sum);
                for (int i = 0; i < v; i++) x.set(row + i, (float) (x.get(row + i) - logSum));
            }
        });
    }
}
