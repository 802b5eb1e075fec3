// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import java.lang.foreign.MemorySegment;

/// What the encoders of Q4_K and Q5_K share: eight groups of 32 values get a scale and a minimum each, both are rounded
/// to 6 bits of the block's f16 d and dmin, then every value is rounded once more to what will be decoded.
final class AffineBlock {
    private static final int GROUPS = 8;
    private static final int GROUP = 32;
    /// The quants of the block, 0 .. top.
    final int[] quants = new int[GROUPS * GROUP];
    private final ScaleSearch search = new ScaleSearch();
    private final float[] scales = new float[GROUPS];
    private final float[] minima = new float[GROUPS];
    private final int[] scaleBits = new int[GROUPS];
    private final int[] minimumBits = new int[GROUPS];
    private final int top;
    private final float below;
    private final int steps;

    AffineBlock(int top, float below, int steps) {
        this.top = top;
        this.below = below;
        this.steps = steps;
    }

    /// Finds the scales of x[from .. from + 256), writes the 16 bytes d, dmin and scales at `at`, and fills [#quants].
    void fit(float[] x, int from, MemorySegment data, long at) {
        Quant.extreme(x, from, GROUPS * GROUP); // refuses what is not finite
        float maxScale = 0;
        float maxMinimum = 0;
        for (int g = 0; g < GROUPS; g++) {
            scales[g] = search.affine(x, from + g * GROUP, GROUP, top, below, steps);
            minima[g] = search.minimum;
            System.arraycopy(search.quants, 0, quants, g * GROUP, GROUP);
            maxScale = Math.max(maxScale, scales[g]);
            maxMinimum = Math.max(maxMinimum, minima[g]);
        }
        float toScale = maxScale > 0 ? 63 / maxScale : 0;
        float toMinimum = maxMinimum > 0 ? 63 / maxMinimum : 0;
        for (int g = 0; g < GROUPS; g++) {
            scaleBits[g] = Math.min(63, ScaleSearch.nearest(toScale * scales[g]) & 255);
            minimumBits[g] = Math.min(63, ScaleSearch.nearest(toMinimum * minima[g]) & 255);
        }
        short d = Quant.scale(maxScale / 63);
        short dmin = Quant.scale(maxMinimum / 63);
        data.set(Quant.SHORT, at, d);
        data.set(Quant.SHORT, at + 2, dmin);
        SixBitScales.set(data, at + 4, scaleBits, minimumBits);
        for (int g = 0; g < GROUPS; g++) {
            float scale = Float.float16ToFloat(d) * scaleBits[g];
            if (scale == 0) continue;
            float minimum = Float.float16ToFloat(dmin) * minimumBits[g];
            for (int i = g * GROUP; i < (g + 1) * GROUP; i++) {
                quants[i] = Math.clamp(ScaleSearch.nearest((x[from + i] + minimum) / scale), 0, top);
            }
        }
    }
}
