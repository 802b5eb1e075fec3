// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.kernel.PackedWeight;

/// The matrix of one linear layer (N, K) as training sees it; `bias` (N) may be null.
public sealed interface Projection {
    int outputs();

    Parameter bias();

    /// An F32 matrix that changes from step to step.
    record Dense(Parameter weight, Parameter bias) implements Projection {
        @Override
        public int outputs() {
            return weight.value().rows();
        }
    }

    /// A frozen matrix in any storage format with an optional low-rank update (null for none).
    record Frozen(PackedWeight weight, Parameter bias, LowRank update) implements Projection {
        @Override
        public int outputs() {
            return weight.outputs();
        }
    }

    /// dW = scale * B * A with a (R, K) and b (N, R) (LoRA, Hu et al., 2106.09685).
    record LowRank(Parameter a, Parameter b, float scale) {}
}
