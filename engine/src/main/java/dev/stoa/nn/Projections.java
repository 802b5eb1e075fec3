// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

import dev.stoa.tensor.Tensor;

/// Applies linear layers to the rows of one forward pass, with the updates of each row's adapters.
public interface Projections {
    /// y (T, N) = or += x (T, K) * W + bias + the updates of row t's adapters.
    default void apply(Linear linear, Tensor x, Tensor y, boolean accumulate) {
        apply(linear, x, y, accumulate, null);
    }

    /// The same where row i of x and y is row `rows[i]` of the pass; null when all rows stand in order.
    void apply(Linear linear, Tensor x, Tensor y, boolean accumulate, int[] rows);

    /// The same for several layers that read the same x (T, K): ys[i] (T, N of i) belongs to linears[i]. Nothing else may
    /// use the outputs in between.
    default void applyAll(Linear[] linears, Tensor x, Tensor[] ys, int[] rows) {
        for (int i = 0; i < linears.length; i++) apply(linears[i], x, ys[i], false, rows);
    }

    /// y (n, N) = x (n, K) * W + bias + the updates of row `row`'s adapters, for all n: what that row makes of other rows.
    void applyAs(int row, Linear linear, Tensor x, Tensor y);
}
