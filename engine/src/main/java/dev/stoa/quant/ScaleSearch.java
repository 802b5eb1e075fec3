// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import java.util.Arrays;

/// The searches for a group's scale that GGML's K-quants are defined by. A weighted least squares fit is tried for
/// several roundings of the group, and the fit with the smallest error wins. The order of every sum is part of the
/// definition: it decides the bits. One instance per encode call; not thread-safe.
final class ScaleSearch {
    private static final int MOST = 32;
    private static final float ALL_ZERO = 1e-15f;
    /// Quants of the best fit.
    final int[] quants = new int[MOST];
    /// Offset of the best affine fit, at least 0: value = scale * quant - minimum.
    float minimum;
    private final int[] candidate = new int[MOST];
    private final float[] weights = new float[MOST];

    /// Rounds half to even by adding 1.5 * 2^23; the low 23 bits are the answer, also where it overflows them.
    static int nearest(float value) {
        return (Float.floatToRawIntBits(value + 12_582_912f) & 0x007fffff) - 0x00400000;
    }

    /// Scale and minimum for `n` values with quants 0 .. `top`; values weigh root mean square + magnitude. Candidates
    /// are the roundings at (top - `below` + 0.1 i) / range, i = 0 .. `steps`.
    float affine(float[] x, int from, int n, int top, float below, int steps) {
        float squares = 0;
        for (int i = 0; i < n; i++) squares += x[from + i] * x[from + i];
        float typical = (float) Math.sqrt(squares / n);
        for (int i = 0; i < n; i++) weights[i] = typical + Math.abs(x[from + i]);
        float min = x[from];
        float max = x[from];
        float sumW = weights[0];
        float sumX = sumW * x[from];
        for (int i = 1; i < n; i++) {
            min = Math.min(min, x[from + i]);
            max = Math.max(max, x[from + i]);
            sumW += weights[i];
            sumX += weights[i] * x[from + i];
        }
        if (min > 0) min = 0;
        if (max == min) {
            Arrays.fill(quants, 0, n, 0);
            minimum = -min;
            return 0;
        }
        float inverse = top / (max - min);
        float scale = 1 / inverse;
        round(x, from, n, inverse, min, top, quants);
        float best = error(x, from, n, scale, min, quants);
        for (int step = 0; step <= steps; step++) {
            inverse = (-below + 0.1f * step + top) / (max - min);
            round(x, from, n, inverse, min, top, candidate);
            float sumQ = 0;
            float sumQQ = 0;
            float sumQX = 0;
            for (int i = 0; i < n; i++) {
                float wq = weights[i] * candidate[i];
                sumQ += wq;
                sumQQ += wq * candidate[i];
                sumQX += wq * x[from + i];
            }
            float determinant = sumW * sumQQ - sumQ * sumQ;
            if (!(determinant > 0)) continue;
            float fitScale = (sumW * sumQX - sumX * sumQ) / determinant;
            float fitMin = (sumQQ * sumX - sumQ * sumQX) / determinant;
            if (fitMin > 0) {
                fitMin = 0;
                fitScale = sumQX / sumQQ;
            }
            float now = error(x, from, n, fitScale, fitMin, candidate);
            if (now < best) {
                System.arraycopy(candidate, 0, quants, 0, n);
                best = now;
                scale = fitScale;
                min = fitMin;
            }
        }
        minimum = -min;
        return scale;
    }

    private static void round(float[] x, int from, int n, float inverse, float min, int top, int[] quants) {
        for (int i = 0; i < n; i++) quants[i] = Math.clamp(nearest(inverse * (x[from + i] - min)), 0, top);
    }

    private float error(float[] x, int from, int n, float scale, float min, int[] quants) {
        float sum = 0;
        for (int i = 0; i < n; i++) {
            float difference = scale * quants[i] + min - x[from + i];
            sum += weights[i] * (difference * difference);
        }
        return sum;
    }

    /// Scale for `n` values with quants -`half` .. `half` - 1, stored with `half` added; values weigh their square.
    /// Candidates put the value of largest magnitude at -(half + 0.1 i), i = -9 .. 9.
    float symmetric(float[] x, int from, int n, int half) {
        float max = Quant.extreme(x, from, n);
        if (Math.abs(max) < ALL_ZERO) {
            Arrays.fill(quants, 0, n, 0);
            return 0;
        }
        float scale = 0;
        float best = 0;
        for (int order = 0; order < 19; order++) {
            int step = order == 0 ? 0 : order <= 9 ? order - 10 : order - 9; // 0, then -9 .. -1, 1 .. 9
            float inverse = step == 0 ? -half / max : -(half + 0.1f * step) / max;
            float sumXQ = 0;
            float sumQQ = 0;
            for (int i = 0; i < n; i++) {
                float value = x[from + i];
                int q = Math.clamp(nearest(inverse * value), -half, half - 1);
                candidate[i] = q + half;
                float w = value * value;
                sumXQ += w * value * q;
                sumQQ += w * q * q;
            }
            if (step != 0 && !(sumQQ > 0 && sumXQ * sumXQ > best * sumQQ)) continue;
            scale = sumQQ != 0 ? sumXQ / sumQQ : 0;
            best = scale * sumXQ;
            System.arraycopy(candidate, 0, quants, 0, n);
        }
        return scale;
    }
}
