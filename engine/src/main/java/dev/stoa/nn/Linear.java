// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.kernel.PackedWeight;
import dev.stoa.tensor.Tensor;

/// One linear layer of a model: its number among them, its canonical module path, the packed matrix (N, K) and an
/// optional F32 bias (N).
public record Linear(int index, String path, PackedWeight weight, Tensor bias) {
    public int outputs() {
        return weight.outputs();
    }

    public int inputs() {
        return weight.inputs();
    }
}
