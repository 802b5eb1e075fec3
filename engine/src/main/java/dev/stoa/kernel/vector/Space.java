// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import dev.stoa.tensor.Scope;
import java.lang.foreign.MemorySegment;

/// Scratch memory of one worker, used only inside a range that runs on it.
final class Space {
    /// Depth of a block of k: fixed, because the sum of a block is rounded into the result (row invariance).
    static final int DEPTH = 512;
    /// Rows of a that are copied at a time; with DEPTH they take a quarter of a usual second-level cache.
    static final int BLOCK_ROWS = 256;

    /// A block of a; before that, rows of b on their way into a panel.
    final float[] block = new float[(BLOCK_ROWS + Tiles.ROWS) * (DEPTH + 1)];
    /// The sums of one tile.
    final float[] sums = new float[Tiles.OUT];
    /// Lanes of sums in double.
    final double[] doubles = new double[Lanes.L];
    /// Attention of many query rows at once.
    final AttentionTile tile = new AttentionTile();
    /// Two panels decoded from a packed format.
    final MemorySegment panels;

    private float[] scores = new float[1024];
    private float[] rows = new float[0];

    Space(Scope scope) {
        panels = scope.allocate(2L * DEPTH * Tiles.PANEL_BYTES);
    }

    /// At least `count` floats for decoded rows of a mapped weight; grows to the longest rows in use.
    float[] rows(int count) {
        if (rows.length < count) rows = new float[count];
        return rows;
    }

    /// At least `count` floats and a vector more; grows by doubling, so a long context settles soon.
    float[] scores(int count) {
        int needed = Math.addExact(count, Lanes.L);
        if (scores.length < needed) scores = new float[Math.max(needed, scores.length * 2)];
        return scores;
    }
}
