// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.Tensor;

/// Low-rank updates of some rows of a batch (S-LoRA / Punica style grouping by adapter).
public interface Lora {
    /// One adapter at one module and the rows it acts on: a (R, K), b (N, R), factor = weight * scale.
    record Segment(Tensor a, Tensor b, float factor, int[] rows) {}

    /// y[row] (N) += factor * b (a x[row]) for each segment in the given order; a row may appear in several.
    default void apply(Tensor x, Segment[] segments, Tensor y) {
        apply(x, new Segment[][] {segments}, new Tensor[] {y});
    }

    /// The same for several modules that read the same x (T, K): segments[m] update ys[m] (T, N of m). Bits are those of one
    /// module after another.
    void apply(Tensor x, Segment[][] segments, Tensor[] ys);
}
