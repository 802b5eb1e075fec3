// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

/// Platt scaling per label over one or more heads: z_c = sum_k slope[c][k] h_k,c + slope[c][K]. With two heads this is
/// their stack. `own` tells which labels had enough positives for parameters of their own.
public record Calibration(double[][] slopes, boolean[] own) {
    public double[] apply(double[][] logOddsPerHead) {
        double[] z = new double[slopes.length];
        for (int c = 0; c < z.length; c++) {
            double[] slope = slopes[c];
            double sum = slope[slope.length - 1];
            for (int k = 0; k < logOddsPerHead.length; k++) sum += slope[k] * logOddsPerHead[k][c];
            z[c] = Logits.clip(sum);
        }
        return z;
    }
}
