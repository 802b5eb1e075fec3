// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

import java.util.Arrays;
import java.util.List;

/// How much a text looks like the training rows: g = a logistic combination of the joint energy of the labels, the
/// cosine to the nearest label centroid, the mean distance to the 10 nearest of the kept training rows and the share
/// of known words. In-domain when g >= tau.
///
/// `centroids` (C - 1, D) and `neighbors` (N, D) hold unit vectors; `weights` (5), the intercept last.
public record AbstainGate(Columns centroids, Columns neighbors, double[] weights, double tau, Certificate certificate) {
    public static final int INPUTS = 4;
    private static final int NEAREST = 10;

    /// The four inputs of g for calibrated log-odds `z` (labels + base).
    public double[] inputs(RouteInput input, double[] z, double known) {
        double energy = 0;
        for (int c = 0; c < z.length - 1; c++) energy += Logits.softplus(z[c]);
        float[] mean = headAndTail(input.windows());
        if (mean == null) return new double[] {energy, 0, 1, known};
        float[] toCentroids = new float[centroids.rows()];
        centroids.multiply(mean, toCentroids);
        double nearest = 0;
        for (float cosine : toCentroids) nearest = Math.max(nearest, cosine);
        float[] toRows = new float[neighbors.rows()];
        neighbors.multiply(mean, toRows);
        Arrays.sort(toRows);
        int count = Math.min(NEAREST, toRows.length);
        double distance = 0;
        for (int i = 0; i < count; i++) distance += 1 - toRows[toRows.length - 1 - i];
        return new double[] {energy, nearest, count == 0 ? 1 : distance / count, known};
    }

    /// g, as log-odds of being in-domain.
    public double score(RouteInput input, double[] z, double known) {
        return Logistic.score(weights, inputs(input, z, known));
    }

    public AbstainGate with(double[] newWeights, double newTau, Certificate newCertificate) {
        return new AbstainGate(centroids, neighbors, newWeights, newTau, newCertificate);
    }

    /// Mean of the first and the last window; null without windows.
    public static float[] headAndTail(List<float[]> windows) {
        if (windows.size() < 2) return windows.isEmpty() ? null : windows.getFirst();
        float[] mean = windows.getFirst().clone();
        float[] tail = windows.getLast();
        for (int i = 0; i < mean.length; i++) mean[i] = (mean[i] + tail[i]) / 2;
        return mean;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(weights);
    }
}
