// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.nn.Linear;
import dev.stoa.tensor.Tensor;

/// Sees what enters the linear layers of a decoder, for measuring it. Called on the thread of the forward pass; it must not
/// change or keep `x`.
@FunctionalInterface
public interface LinearObserver {
    /// x (T, K) is about to be multiplied by the layer's matrix.
    void before(Linear linear, Tensor x);
}
