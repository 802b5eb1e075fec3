// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// A frozen weight (N, K) in a provider's own layout; only the provider that packed it can multiply with it.
public interface PackedWeight {
    /// N, the number of outputs.
    int outputs();

    /// K, the number of inputs.
    int inputs();

    /// The weight as it was loaded.
    Tensor source();
}
