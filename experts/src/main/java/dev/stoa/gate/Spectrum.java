// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

/// Singular values of an update dW = scale B A, from its factors: with B = Q1 R1 and A^T = Q2 R2 they are those of the
/// small matrix scale R1 R2^T. `norm` = sqrt(sum s^2); effective rank = exp(-sum p ln p) with p = s / sum s; stable
/// rank = sum s^2 / s_1^2. Both ranks are null when the update is zero.
record Spectrum(double norm, Double effectiveRank, Double stableRank) {
    /// b (out, R), a (R, in).
    static Spectrum of(SmallMatrix b, SmallMatrix a, double scale) {
        double[] singular = b.triangle().timesTransposed(a.transpose().triangle()).svd().s();
        double sum = 0;
        double squares = 0;
        for (double s : singular) {
            sum += s;
            squares += s * s;
        }
        if (scale == 0 || singular[0] == 0) return new Spectrum(0, null, null);
        double entropy = 0;
        for (double s : singular) {
            if (s > 0) entropy -= s / sum * Math.log(s / sum);
        }
        return new Spectrum(Math.abs(scale) * Math.sqrt(squares), Math.exp(entropy),
                squares / (singular[0] * singular[0]));
    }
}
