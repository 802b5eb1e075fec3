// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;

/// The rows of one feed-forward block in one pass: normed input x (T, H), the residual stream before the norm (T, H),
/// and output y (T, H), which is added to when `accumulate` is set. x and residual may be y.
public record FeedForwardCall(
        Tensor x, Tensor residual, Tensor y, boolean accumulate, Projections projections, Buffers buffers, Kernels kernels) {}
