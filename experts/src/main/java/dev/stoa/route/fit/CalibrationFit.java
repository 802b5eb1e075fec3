// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.head.Calibration;
import dev.stoa.route.head.Logistic;
import dev.stoa.route.head.Logits;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/// Platt scaling per label, pulled with strength 1 toward one pair shared by all labels; labels with fewer than 50
/// positives use the shared pair. Several heads are stacked by the same regression.
final class CalibrationFit {
    private static final int OWN = 50;
    private static final int FOLDS = 5;

    private CalibrationFit() {}

    /// `odds[k][i][c]`: head k, row i, label c (base last). `targets[i][c]`.
    static Calibration fit(double[][][] odds, boolean[][] targets) {
        int heads = odds.length;
        int rows = targets.length;
        int labels = targets[0].length;
        double[][] all = new double[rows * labels][];
        boolean[] positive = new boolean[rows * labels];
        for (int i = 0; i < rows; i++) {
            for (int c = 0; c < labels; c++) {
                all[i * labels + c] = inputs(odds, i, c);
                positive[i * labels + c] = targets[i][c];
            }
        }
        double[] start = new double[heads + 1];
        Arrays.fill(start, 0, heads, 1.0 / heads);
        double[] shared = Logistic.fit(all, positive, start, 1e-3);
        double[][] slopes = new double[labels][];
        boolean[] own = new boolean[labels];
        for (int c = 0; c < labels; c++) {
            double[][] x = new double[rows][];
            boolean[] y = new boolean[rows];
            int positives = 0;
            for (int i = 0; i < rows; i++) {
                x[i] = all[i * labels + c];
                y[i] = targets[i][c];
                if (y[i]) positives++;
            }
            own[c] = positives >= OWN;
            slopes[c] = own[c] ? Logistic.fit(x, y, shared, 1) : shared;
        }
        return new Calibration(slopes, own);
    }

    private static double[] inputs(double[][][] odds, int row, int label) {
        double[] x = new double[odds.length];
        for (int k = 0; k < x.length; k++) x[k] = odds[k][row][label];
        return x;
    }

    /// Mean log-loss per row after calibration, on folds the calibration has not seen.
    static double[] crossValidated(double[][][] odds, boolean[][] targets) {
        double[] losses = new double[targets.length];
        for (int fold = 0; fold < FOLDS; fold++) {
            int held = fold;
            int[] in = rows(targets.length, i -> i % FOLDS != held);
            Calibration calibration = fit(pick(odds, in), pick(targets, in));
            for (int i : rows(targets.length, i -> i % FOLDS == held)) {
                double[] z = calibration.apply(pick(odds, i));
                for (int c = 0; c < z.length; c++) losses[i] += Logits.softplus(targets[i][c] ? -z[c] : z[c]);
            }
        }
        return losses;
    }

    private static int[] rows(int n, IntPredicate wanted) {
        return IntStream.range(0, n).filter(wanted).toArray();
    }

    private static double[][][] pick(double[][][] odds, int[] rows) {
        double[][][] picked = new double[odds.length][rows.length][];
        for (int k = 0; k < odds.length; k++) for (int i = 0; i < rows.length; i++) picked[k][i] = odds[k][rows[i]];
        return picked;
    }

    private static boolean[][] pick(boolean[][] targets, int[] rows) {
        boolean[][] picked = new boolean[rows.length][];
        for (int i = 0; i < rows.length; i++) picked[i] = targets[rows[i]];
        return picked;
    }

    static double[][] pick(double[][][] odds, int row) {
        double[][] picked = new double[odds.length][];
        for (int k = 0; k < odds.length; k++) picked[k] = odds[k][row];
        return picked;
    }
}
