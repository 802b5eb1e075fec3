// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Norm;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;

/// RMS norm (Zhang & Sennrich, 1910.07467).
final class ScalarNorm implements Norm {
    private final Workers workers;

    ScalarNorm(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void rms(Tensor x, Tensor weight, float eps, float offset, Tensor y) {
        // x, y (T, H), weight (H)
        Shapes.rms(x, weight, y);
        int h = x.cols();
        workers.parallel(x.rows(), 1, (worker, from, to) -> {
            for (int t = from; t < to; t++) {
                long row = (long) t * h;
                double squares = 0;
                for (int i = 0; i < h; i++) squares += (double) x.get(row + i) * x.get(row + i);
                double factor = 1 / Math.sqrt(squares / h + eps);
                for (int i = 0; i < h; i++) {
                    double scale = weight == null ? 1 : (double) weight.get(i) + offset;
                    y.set(row + i, (float) (x.get(row + i) * factor * scale));
                }
            }
        });
    }
}
