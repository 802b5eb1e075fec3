// SPDX-License-Identifier: Apache-2.0
package dev.stoa.quant;

import dev.stoa.tensor.DType;

/// Finds scale and bias of one affine group, value = scale * q + bias, by least squared error. Ranges from the whole
/// spread down to seven tenths of it are tried; each rounding is refitted once by linear regression; scale and bias are
/// rounded to the stored type before the error is taken. Not thread-safe.
final class AffineFit {
    private static final int CANDIDATES = 13;
    private static final float STEP = 0.025f;
    final int[] codes;
    float scale;
    float bias;
    private final int[] trial;
    private final int top;
    private final DType stored;
    private double best;

    AffineFit(int bits, int group, DType stored) {
        this.codes = new int[group];
        this.trial = new int[group];
        this.top = (1 << bits) - 1;
        this.stored = stored;
    }

    void fit(float[] x, int from, int count) {
        Quant.extreme(x, from, count); // refuses what is not finite
        float low = x[from];
        float high = x[from];
        for (int i = 1; i < count; i++) {
            low = Math.min(low, x[from + i]);
            high = Math.max(high, x[from + i]);
        }
        best = Double.POSITIVE_INFINITY;
        if (low == high) {
            consider(x, from, count, 0, low);
            return;
        }
        float middle = (low + high) / 2;
        for (int c = 0; c < CANDIDATES; c++) {
            float half = (high - low) / 2 * (1 - STEP * c);
            consider(x, from, count, 2 * half / top, middle - half);
            refit(x, from, count);
        }
    }

    /// The regression of x on the last trial's codes.
    private void refit(float[] x, int from, int count) {
        double sumQ = 0, sumQQ = 0, sumX = 0, sumQX = 0;
        for (int i = 0; i < count; i++) {
            sumQ += trial[i];
            sumQQ += (double) trial[i] * trial[i];
            sumX += x[from + i];
            sumQX += (double) trial[i] * x[from + i];
        }
        double determinant = count * sumQQ - sumQ * sumQ;
        if (determinant <= 0) return;
        double slope = (count * sumQX - sumQ * sumX) / determinant;
        consider(x, from, count, (float) slope, (float) ((sumX - slope * sumQ) / count));
    }

    private void consider(float[] x, int from, int count, float wantedScale, float wantedBias) {
        float s = rounded(wantedScale);
        float b = rounded(wantedBias);
        double error = 0;
        for (int i = 0; i < count; i++) {
            trial[i] = s == 0 ? 0 : Math.clamp(Math.round((x[from + i] - b) / s), 0, top);
            double difference = s * trial[i] + b - x[from + i];
            error += difference * difference;
        }
        if (!(error < best)) return;
        best = error;
        scale = s;
        bias = b;
        System.arraycopy(trial, 0, codes, 0, count);
    }

    private float rounded(float value) {
        return switch (stored) {
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            case BF16 -> Float.intBitsToFloat(BF16.round(value) << 16);
            default -> value;
        };
    }
}
