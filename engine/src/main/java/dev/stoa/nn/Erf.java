// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn;

/// The error function to about 1e-13: its Taylor series near zero, the continued fraction of erfc (Abramowitz & Stegun
/// 7.1.5 and 7.1.14) beyond.
final class Erf {
    private static final double SERIES_END = 2.5;
    private static final double SATURATED = 6;
    private static final int FRACTION_TERMS = 60;

    private Erf() {}

    static double of(double x) {
        double z = Math.abs(x);
        if (Double.isNaN(x)) return x;
        if (z > SATURATED) return Math.signum(x);
        return Math.signum(x) * (z < SERIES_END ? series(z) : 1 - fraction(z));
    }

    private static double series(double z) {
        double term = z;
        double sum = z;
        for (int n = 1; Math.abs(term) > 1e-17 * sum && n < 100; n++) {
            term *= -z * z / n;
            sum += term / (2 * n + 1);
        }
        return sum * 2 / Math.sqrt(Math.PI);
    }

    private static double fraction(double z) {
        double f = z;
        for (int n = FRACTION_TERMS; n >= 1; n--) f = z + n / 2.0 / f;
        return Math.exp(-z * z) / (f * Math.sqrt(Math.PI));
    }
}
