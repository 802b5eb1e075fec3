// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;

/// Rotates heads by their positions (Su et al., 2104.09864), for either pairing of channels.
public final class Rotation {
    private final RopeSpec spec;
    private final double[] frequencies;

    public Rotation(RopeSpec spec) {
        this.spec = spec;
        this.frequencies = spec.inverseFrequencies();
    }

    /// In place on x (T, heads * headDim).
    public void apply(Kernels kernels, Tensor x, int heads, int headDim, int[] positions) {
        switch (spec.pairing()) {
            case HALF -> kernels.rope().rotate(x, heads, headDim, positions, frequencies, spec.magnitude(), 1);
            case INTERLEAVED -> kernels.workers().parallel(positions.length, 1, (worker, from, to) -> {
                for (int t = from; t < to; t++) interleaved(x, t, heads, headDim, positions[t]);
            });
        }
    }

    private void interleaved(Tensor x, int t, int heads, int headDim, int position) {
        for (int i = 0; i < frequencies.length; i++) {
            double cos = Math.cos(position * frequencies[i]) * spec.magnitude();
            double sin = Math.sin(position * frequencies[i]) * spec.magnitude();
            for (int h = 0; h < heads; h++) {
                long at = ((long) t * heads + h) * headDim + 2L * i;
                double a = x.get(at);
                double b = x.get(at + 1);
                x.set(at, (float) (a * cos - b * sin));
                x.set(at + 1, (float) (b * cos + a * sin));
            }
        }
    }
}
