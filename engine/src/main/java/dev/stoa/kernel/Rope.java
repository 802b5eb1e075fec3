// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Rotary position embedding (Su et al., 2104.09864).
public interface Rope {
    /// In place on x (T, heads * headDim): rotates the first 2 * inverseFrequencies.length channels of each head by
    /// position * frequency; pairing HALF (i, i + d/2). `direction` is +1 forward, -1 for the backward pass.
    void rotate(Tensor x, int heads, int headDim, int[] positions, double[] inverseFrequencies, double magnitude, int direction);
}
