// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;

/// One norm of a model with its weights: RMS through the kernels, layer norm as plain loops (encoders only).
public record Norms(NormSpec spec, Tensor weight, Tensor bias) {
    /// y (T, H) = norm of x (T, H); x and y may be the same.
    public void apply(Kernels kernels, Tensor x, Tensor y) {
        switch (spec.kind()) {
            case RMS -> kernels.norm().rms(x, weight, spec.eps(), spec.weightOffset(), y);
            case LAYER -> kernels.workers().parallel(x.rows(), 1, (worker, from, to) -> {
                for (int t = from; t < to; t++) layer(x, y, t);
            });
        }
    }

    private void layer(Tensor x, Tensor y, int t) {
        int h = x.cols();
        long row = (long) t * h;
        double mean = 0;
        for (int i = 0; i < h; i++) mean += x.get(row + i);
        mean /= h;
        double squares = 0;
        for (int i = 0; i < h; i++) squares += (x.get(row + i) - mean) * (x.get(row + i) - mean);
        double factor = 1 / Math.sqrt(squares / h + spec.eps());
        for (int i = 0; i < h; i++) y.set(row + i, (float) ((x.get(row + i) - mean) * factor * weight.get(i) + bias.get(i)));
    }
}
