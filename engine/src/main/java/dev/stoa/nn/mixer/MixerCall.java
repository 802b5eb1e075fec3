// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.LayerState;
import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Kernels;
import dev.stoa.nn.Buffers;
import dev.stoa.nn.Projections;
import dev.stoa.tensor.Tensor;

/// The rows of one layer in one forward pass: normed input x (T, hidden) and output y (T, hidden), which is added to
/// when `accumulate` is set. Rows of one sequence stand together in rising positions and share their state;
/// `lengths[t]` is the length of row t's sequence once the whole batch is stored. `attention` is that of `kernels` which the model's
/// arithmetic allows.
public record MixerCall(
        Tensor x,
        Tensor y,
        boolean accumulate,
        int[] positions,
        int[] lengths,
        LayerState[] states,
        Projections projections,
        Buffers buffers,
        Kernels kernels,
        Attention attention) {
    public int rows() {
        return positions.length;
    }

    /// First row after `row` that belongs to another sequence.
    public int endOfSequence(int row) {
        int end = row + 1;
        while (end < states.length && states[end] == states[row]) end++;
        return end;
    }
}
