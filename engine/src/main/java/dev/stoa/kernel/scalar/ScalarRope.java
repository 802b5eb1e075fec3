// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Rope;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;

/// (a, b) becomes (a cos - b sin, b cos + a sin) * magnitude for the channel pairs (i, i + half).
final class ScalarRope implements Rope {
    private final Workers workers;

    ScalarRope(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void rotate(Tensor x, int heads, int headDim, int[] positions, double[] inverseFrequencies, double magnitude,
            int direction) {
        // x (T, heads * headDim), positions (T)
        Shapes.rope(x, heads, headDim, positions, inverseFrequencies, direction);
        int half = inverseFrequencies.length;
        workers.parallel(positions.length, 1, (worker, from, to) -> {
            for (int t = from; t < to; t++) {
                for (int i = 0; i < half; i++) {
                    double angle = positions[t] * inverseFrequencies[i];
                    double cos = Math.cos(angle) * magnitude;
                    double sin = Math.sin(angle) * magnitude * direction;
                    for (int h = 0; h < heads; h++) {
                        long at = ((long) t * heads + h) * headDim + i;
                        double a = x.get(at);
                        double b = x.get(at + half);
                        x.set(at, (float) (a * cos - b * sin));
                        x.set(at + half, (float) (b * cos + a * sin));
                    }
                }
            }
        });
    }
}
