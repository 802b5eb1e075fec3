// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

/// Small shared steps between logits, log-odds and probabilities.
public final class Logits {
    /// Log-odds are kept within +-LIMIT, so that no sum of them overflows.
    public static final double LIMIT = 15;

    private Logits() {}

    /// Element-wise maximum into `b`; `a` may be null.
    static float[] max(float[] a, float[] b) {
        if (a != null) for (int i = 0; i < b.length; i++) b[i] = Math.max(a[i], b[i]);
        return b;
    }

    /// Logits as log-odds: softmax first when they compete.
    static double[] logOdds(float[] logits, boolean softmax) {
        double[] odds = new double[logits.length];
        if (!softmax) {
            for (int i = 0; i < odds.length; i++) odds[i] = clip(logits[i]);
            return odds;
        }
        double top = Double.NEGATIVE_INFINITY;
        for (float logit : logits) top = Math.max(top, logit);
        double sum = 0;
        for (int i = 0; i < odds.length; i++) sum += odds[i] = Math.exp(logits[i] - top);
        for (int i = 0; i < odds.length; i++) odds[i] = ofProbability(odds[i] / sum);
        return odds;
    }

    public static double ofProbability(double p) {
        return clip(Math.log(p) - Math.log1p(-p));
    }

    public static double sigmoid(double z) {
        return 1 / (1 + Math.exp(-z));
    }

    /// log(1 + e^z) without overflow.
    public static double softplus(double z) {
        return z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z));
    }

    static double clip(double z) {
        return Double.isNaN(z) ? -LIMIT : Math.clamp(z, -LIMIT, LIMIT);
    }
}
