// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import java.util.Arrays;

/// Samples of one micro-batch, one after another without padding: sample i is rows [starts[i], starts[i + 1]).
///
/// Row t holds ids[t] at positions[t] and predicts ids[t + 1] of the same sample with cross-entropy weight hard[t] and
/// KL(base || model) weight soft[t]; the last row of a sample predicts nothing, so both are 0 there.
public record PackedSamples(int[] ids, int[] positions, int[] starts, float[] hard, float[] soft) {
    public PackedSamples {
        int rows = ids.length;
        if (rows == 0 || positions.length != rows || hard.length != rows || soft.length != rows) {
            throw new IllegalArgumentException(rows + " ids, " + positions.length + " positions, " + hard.length + " hard, "
                    + soft.length + " soft weights");
        }
        if (starts.length < 2 || starts[0] != 0 || starts[starts.length - 1] != rows) {
            throw new IllegalArgumentException("sample starts do not cover rows 0 to " + rows);
        }
        for (int i = 1; i < starts.length; i++) {
            if (starts[i] <= starts[i - 1]) throw new IllegalArgumentException("sample " + (i - 1) + " is empty");
            int last = starts[i] - 1;
            if (hard[last] != 0 || soft[last] != 0) throw new IllegalArgumentException("row " + last + " predicts nothing");
        }
    }

    /// The samples that have a KL term, without their cross-entropy weights.
    PackedSamples softSamples() {
        int[] from = new int[ids.length], ends = new int[starts.length];
        int count = 0, samples = 0;
        for (int i = 0; i + 1 < starts.length; i++) {
            boolean any = false;
            for (int t = starts[i]; t < starts[i + 1]; t++) any |= soft[t] != 0;
            for (int t = starts[i]; any && t < starts[i + 1]; t++) from[count++] = t;
            if (any) ends[++samples] = count;
        }
        int[] someIds = new int[count], somePositions = new int[count];
        float[] someSoft = new float[count];
        for (int t = 0; t < count; t++) {
            someIds[t] = ids[from[t]];
            somePositions[t] = positions[from[t]];
            someSoft[t] = soft[from[t]];
        }
        return new PackedSamples(someIds, somePositions, Arrays.copyOf(ends, samples + 1), new float[count], someSoft);
    }

    /// The rows with any loss: first those with cross-entropy only, then those with a KL term, each in order.
    int[] trainedRows() {
        int[] rows = new int[ids.length];
        int count = 0;
        for (int t = 0; t < ids.length; t++) if (hard[t] != 0 && soft[t] == 0) rows[count++] = t;
        for (int t = 0; t < ids.length; t++) if (soft[t] != 0) rows[count++] = t;
        return Arrays.copyOf(rows, count);
    }
}
