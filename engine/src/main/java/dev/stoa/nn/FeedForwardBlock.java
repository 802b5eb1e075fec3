// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

/// What a layer does to each position on its own. Weights are shared and immutable.
public interface FeedForwardBlock {
    /// Floats per row this block needs in each scratch slot.
    int[] widths();

    void run(FeedForwardCall call);
}
