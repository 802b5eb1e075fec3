// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Normalizations over the last dimension.
public interface Norm {
    /// y (T, H) = x * rsqrt(mean(x^2) + eps) * (weight + offset); weight (H) may be null for a weightless norm.
    /// x and y may be the same tensor.
    void rms(Tensor x, Tensor weight, float eps, float offset, Tensor y);
}
