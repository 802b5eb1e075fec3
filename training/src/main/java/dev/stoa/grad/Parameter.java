// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.tensor.Tensor;

/// A named tensor of the model; `gradient` (F32, same shape) is null when it is frozen. Gradients are sums over the
/// accumulation window: operations add, the train loop zeroes.
public record Parameter(String name, Tensor value, Tensor gradient) {
    public Parameter {
        if (gradient != null && !gradient.sameShape(value)) {
            throw new IllegalArgumentException(name + ": value " + value + " and gradient " + gradient);
        }
    }

    public static Parameter frozen(String name, Tensor value) {
        return new Parameter(name, value, null);
    }

    public boolean trained() {
        return gradient != null;
    }
}
