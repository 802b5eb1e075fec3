// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Elementwise functions over whole tensors of equal shape.
public interface Activation {
    /// y = silu(gate) * up. y may be gate or up.
    void swiglu(Tensor gate, Tensor up, Tensor y);

    /// y += alpha * x.
    void axpy(float alpha, Tensor x, Tensor y);

    /// In place, each row (T, V): x - logsumexp(x), with the sum in double.
    void logSoftmax(Tensor x);
}
