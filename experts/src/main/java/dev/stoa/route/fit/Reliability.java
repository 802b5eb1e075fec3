// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import java.util.Arrays;

/// How far probabilities and scores can be believed.
public final class Reliability {
    private static final int BINS = 15;

    private Reliability() {}

    /// Expected calibration error over 15 equal bins, pooled over rows and labels.
    public static double ece(double[][] p, boolean[][] truth) {
        double[] sumP = new double[BINS];
        double[] sumTrue = new double[BINS];
        double n = 0;
        for (int i = 0; i < p.length; i++) {
            for (int c = 0; c < p[i].length; c++) {
                int bin = Math.min(BINS - 1, (int) (p[i][c] * BINS));
                sumP[bin] += p[i][c];
                if (truth[i][c]) sumTrue[bin]++;
                n++;
            }
        }
        double error = 0;
        for (int b = 0; b < BINS; b++) error += Math.abs(sumP[b] - sumTrue[b]) / n;
        return error;
    }

    /// Mean squared error of the probabilities, pooled over rows and labels.
    public static double brier(double[][] p, boolean[][] truth) {
        double sum = 0;
        double n = 0;
        for (int i = 0; i < p.length; i++) {
            for (int c = 0; c < p[i].length; c++, n++) sum += Math.pow(p[i][c] - (truth[i][c] ? 1 : 0), 2);
        }
        return sum / n;
    }

    /// Area under the ROC curve, ties counted half; 0.5 when one class is missing.
    public static double auroc(double[] scores, boolean[] positive) {
        Integer[] order = new Integer[scores.length];
        for (int i = 0; i < order.length; i++) order[i] = i;
        Arrays.sort(order, (a, b) -> Double.compare(scores[a], scores[b]));
        double rankSum = 0;
        double positives = 0;
        for (int from = 0, to; from < order.length; from = to) {
            for (to = from; to < order.length && scores[order[to]] == scores[order[from]]; ) to++;
            for (int i = from; i < to; i++) {
                if (!positive[order[i]]) continue;
                rankSum += (from + 1 + to) / 2.0;
                positives++;
            }
        }
        double negatives = scores.length - positives;
        if (positives == 0 || negatives == 0) return 0.5;
        return (rankSum - positives * (positives + 1) / 2) / (positives * negatives);
    }
}
