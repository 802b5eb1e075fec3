// SPDX-License-Identifier: Apache-2.0
package dev.stoa.optim;

import dev.stoa.tensor.Tensor;

/// A tensor an optimizer changes, with its gradient (F32, same shape). The name is its key in checkpoints.
public record Variable(String name, Tensor value, Tensor gradient) {}
