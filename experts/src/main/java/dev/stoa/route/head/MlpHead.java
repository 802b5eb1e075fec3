// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

import java.util.Arrays;

/// Logits = W2 (C, H) gelu(W1 (H, D) x + b1) + b2, with the exact (erf) GELU. Windows are max-pooled at the logits.
public record MlpHead(Columns first, float[] firstBias, Columns second, float[] secondBias, boolean softmax)
        implements Head {
    public MlpHead {
        if (first.rows() != firstBias.length || second.cols() != firstBias.length || second.rows() != secondBias.length) {
            throw new IllegalArgumentException("layer shapes disagree");
        }
    }

    @Override
    public String name() {
        return softmax ? "mlp-softmax" : "mlp-sigmoid";
    }

    @Override
    public double[] logOdds(RouteInput input) {
        float[] pooled = null;
        for (float[] window : input.windows()) {
            float[] hidden = firstBias.clone();
            first.multiply(window, hidden);
            for (int h = 0; h < hidden.length; h++) hidden[h] = (float) gelu(hidden[h]);
            float[] logits = secondBias.clone();
            second.multiply(hidden, logits);
            pooled = Logits.max(pooled, logits);
        }
        return Logits.logOdds(pooled == null ? secondBias : pooled, softmax);
    }

    /// x * Phi(x).
    public static double gelu(double x) {
        return 0.5 * x * (1 + erf(x / Math.sqrt(2)));
    }

    /// Derivative of [#gelu]: Phi(x) + x phi(x).
    public static double geluSlope(double x) {
        return 0.5 * (1 + erf(x / Math.sqrt(2))) + x * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
    }

    /// Error function, absolute error below 1.2e-7 (Numerical Recipes, Chebyshev fit of erfc).
    private static double erf(double x) {
        double t = 1 / (1 + 0.5 * Math.abs(x));
        double tail = t * Math.exp(-x * x - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418
                + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
                + t * (-0.82215223 + t * 0.17087277)))))))));
        return x >= 0 ? 1 - tail : tail - 1;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(secondBias);
    }
}
