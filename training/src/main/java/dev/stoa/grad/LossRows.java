// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

/// Losses of the trained rows of one micro-batch: `rows[i]` is the row in the batch, `targets[i]` the id it should
/// predict, `best[i]` the one it does predict, `nll[i]` and `kl[i]` the unweighted losses in nat.
public record LossRows(int[] rows, int[] targets, float[] hard, float[] soft, double[] nll, double[] kl, int[] best) {
    /// Sum of hard * nll + soft * kl, in row order.
    public double sum() {
        double sum = 0;
        for (int i = 0; i < rows.length; i++) {
            if (hard[i] != 0) sum += hard[i] * nll[i];
            if (soft[i] != 0) sum += soft[i] * kl[i];
        }
        return sum;
    }

    /// Sum of all weights, what [#sum] is divided by for a mean.
    public double weight() {
        double sum = 0;
        for (int i = 0; i < rows.length; i++) sum += (double) hard[i] + soft[i];
        return sum;
    }
}
