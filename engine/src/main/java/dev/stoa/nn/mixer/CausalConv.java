// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;

/// A causal depthwise convolution along the sequence, followed by SiLU. Its state is the last K-1 inputs, oldest first.
record CausalConv(Tensor weight, Tensor bias) {
    private static final int GRAIN = 64;

    int kernel() {
        return weight.cols();
    }

    /// In place on rows [from, to) of x (T, C): x_t = silu(bias + sum_j weight[c, j] * x_(t-K+1+j)); `past` (K-1, C) holds
    /// the inputs before `from` and then those before `to`.
    void apply(Kernels kernels, Tensor x, int from, int to, Tensor past) {
        int channels = weight.rows();
        int taps = weight.cols();
        kernels.workers().parallel(channels, GRAIN, (worker, first, last) -> {
            double[] window = new double[taps];
            for (int c = first; c < last; c++) {
                for (int j = 0; j < taps - 1; j++) window[j + 1] = past.get((long) j * channels + c);
                for (int t = from; t < to; t++) {
                    System.arraycopy(window, 1, window, 0, taps - 1);
                    window[taps - 1] = x.get((long) t * channels + c);
                    double sum = bias == null ? 0 : bias.get(c);
                    for (int j = 0; j < taps; j++) sum += window[j] * weight.get((long) c * taps + j);
                    x.set((long) t * channels + c, (float) (sum / (1 + Math.exp(-sum))));
                }
                for (int j = 0; j < taps - 1; j++) past.set((long) j * channels + c, (float) window[j + 1]);
            }
        });
    }
}
