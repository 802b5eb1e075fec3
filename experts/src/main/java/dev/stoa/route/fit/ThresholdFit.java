// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.RouterModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/// Fits the shared label threshold and the relative floor for the best example-F1 on the calibration split. The
/// defaults stay unless another pair is better by more than one standard error of the paired difference.
final class ThresholdFit {
    private static final double[] THRESHOLDS = {0.12, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5};
    private static final double[] FLOORS = {0, 0.2, 0.35, 0.45, 0.55, 0.65, 0.75};
    private static final int TOP_K = 4;

    private ThresholdFit() {}

    /// `p` (N, C + 1) and `targets`, the base last; rows without labels are left out.
    static RouterModel fit(RouterModel model, double[][] p, boolean[][] targets) {
        double[] standard = f1(p, targets, RouterModel.THRESHOLD, RouterModel.RELATIVE_FLOOR);
        double bestThreshold = RouterModel.THRESHOLD;
        double bestFloor = RouterModel.RELATIVE_FLOOR;
        double[] best = standard;
        for (double threshold : THRESHOLDS) {
            for (double floor : FLOORS) {
                double[] tried = f1(p, targets, threshold, floor);
                if (sum(tried) <= sum(best)) continue;
                best = tried;
                bestThreshold = threshold;
                bestFloor = floor;
            }
        }
        double mean = (sum(best) - sum(standard)) / best.length;
        double variance = 0;
        for (int i = 0; i < best.length; i++) variance += Math.pow(best[i] - standard[i] - mean, 2) / Math.max(1, best.length - 1);
        if (best.length == 0 || mean <= Math.sqrt(variance / best.length)) return model;
        double[] thresholds = new double[model.thresholds().length];
        Arrays.fill(thresholds, bestThreshold);
        return model.withThresholds(thresholds, bestFloor);
    }

    private static double sum(double[] values) {
        return Arrays.stream(values).sum();
    }

    private static double[] f1(double[][] p, boolean[][] targets, double threshold, double floor) {
        List<Double> scores = new ArrayList<>();
        for (int i = 0; i < p.length; i++) {
            int base = p[i].length - 1;
            if (targets[i][base]) continue;
            double[] row = p[i];
            double top = 0;
            int truth = 0;
            for (int c = 0; c < base; c++) {
                top = Math.max(top, row[c]);
                if (targets[i][c]) truth++;
            }
            List<Integer> kept = new ArrayList<>();
            for (int c = 0; c < base; c++) if (row[c] >= threshold && row[c] >= floor * top) kept.add(c);
            kept.sort(Comparator.comparingDouble(c -> -row[c]));
            int hits = 0;
            int size = Math.min(TOP_K, kept.size());
            if (row[base] > top) size = 0;
            for (int c : kept.subList(0, size)) if (targets[i][c]) hits++;
            scores.add(2.0 * hits / (size + truth));
        }
        return scores.stream().mapToDouble(Double::doubleValue).toArray();
    }
}
