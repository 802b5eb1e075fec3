// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval;

import java.util.Arrays;

/// Intervals and tests for claims: proportions, paired differences, means. All are deterministic; resampling
/// takes a seed.
public final class Intervals {
    /// Two-sided 95 %.
    public static final double Z95 = 1.959963984540054;
    /// Resamples of every bootstrap of a claim.
    public static final int RESAMPLES = 10_000;

    /// An estimate with its interval and the number of observations behind it.
    public record Interval(double value, double low, double high, int n) {
        public boolean contains(double x) {
            return low <= x && x <= high;
        }
    }

    private Intervals() {}

    /// Wilson score interval of a proportion (Wilson 1927).
    public static Interval wilson(int successes, int n, double z) {
        requireCount(successes, n);
        double p = (double) successes / n;
        double scale = 1 + z * z / n;
        double center = (p + z * z / (2 * n)) / scale;
        double half = z * Math.sqrt(p * (1 - p) / n + z * z / (4.0 * n * n)) / scale;
        double low = successes == 0 ? 0 : center - half;
        double high = successes == n ? 1 : center + half;
        return new Interval(p, low, high, n);
    }

    public static Interval wilson(int successes, int n) {
        return wilson(successes, n, Z95);
    }

    /// One-sided Clopper–Pearson upper bound at confidence 1 - delta: BetaInv(1 - delta; k + 1, n - k).
    public static double clopperPearsonUpper(int k, int n, double delta) {
        requireCount(k, n);
        return k == n ? 1 : invertTail(p -> betaTail(p, k + 1.0, n - k) - (1 - delta));
    }

    /// One-sided Clopper–Pearson lower bound at confidence 1 - delta.
    public static double clopperPearsonLower(int k, int n, double delta) {
        requireCount(k, n);
        return k == 0 ? 0 : invertTail(p -> betaTail(p, k, n - k + 1.0) - delta);
    }

    /// Paired difference of two proportions on the same items (Agresti and Min 2005): `onlyFirst` items are won by the
    /// first system alone, `onlySecond` by the second alone; the value is first minus second.
    public static Interval pairedDifference(int onlyFirst, int onlySecond, int n, double z) {
        requireCount(onlyFirst + onlySecond, n);
        double b = onlyFirst + .5;
        double c = onlySecond + .5;
        double m = n + 2.0;
        double d = (b - c) / m;
        double half = z * Math.sqrt(b + c - (b - c) * (b - c) / m) / m;
        return new Interval((double) (onlyFirst - onlySecond) / n, d - half, d + half, n);
    }

    /// Paired difference of two runs over the same items.
    public static Interval pairedDifference(boolean[] first, boolean[] second) {
        if (first.length != second.length) {
            throw new IllegalArgumentException(first.length + " and " + second.length + " items");
        }
        int onlyFirst = 0;
        int onlySecond = 0;
        for (int i = 0; i < first.length; i++) {
            if (first[i] && !second[i]) onlyFirst++;
            if (second[i] && !first[i]) onlySecond++;
        }
        return pairedDifference(onlyFirst, onlySecond, first.length, Z95);
    }

    /// Exact one-sided McNemar test: the probability of at least `onlyFirst` wins among the discordant items by chance.
    public static double mcnemar(int onlyFirst, int onlySecond) {
        int n = onlyFirst + onlySecond;
        double logHalf = n * Math.log(.5);
        double total = 0;
        for (int k = onlyFirst; k <= n; k++) {
            total += Math.exp(logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1) + logHalf);
        }
        return Math.min(1, total);
    }

    /// Percentile bootstrap of a mean, 95 %. For paired scores pass the differences.
    public static Interval bootstrapMean(double[] values, int resamples, long seed) {
        if (values.length == 0) throw new IllegalArgumentException("no observations");
        SplitMix64 random = SplitMix64.of(seed, "bootstrap");
        double[] means = new double[resamples];
        for (int r = 0; r < resamples; r++) {
            double sum = 0;
            for (int i = 0; i < values.length; i++) sum += values[random.below(values.length)];
            means[r] = sum / values.length;
        }
        Arrays.sort(means);
        double mean = 0;
        for (double value : values) mean += value / values.length;
        return new Interval(mean, means[(int) (resamples * .025)], means[(int) Math.ceil(resamples * .975) - 1],
                values.length);
    }

    private static void requireCount(int k, int n) {
        if (n <= 0 || k < 0 || k > n) throw new IllegalArgumentException(k + " of " + n);
    }

    private interface Tail {
        double excess(double p);
    }

    /// Root of a rising function on [0, 1] by halving.
    private static double invertTail(Tail tail) {
        double low = 0;
        double high = 1;
        for (int i = 0; i < 200 && high - low > 1e-15; i++) {
            double middle = (low + high) / 2;
            if (tail.excess(middle) < 0) low = middle;
            else high = middle;
        }
        return (low + high) / 2;
    }

    /// Regularized incomplete beta function I_x(a, b), by its continued fraction (Numerical Recipes §6.4, Lentz).
    static double betaTail(double x, double a, double b) {
        if (x <= 0) return 0;
        if (x >= 1) return 1;
        double front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
        return x < (a + 1) / (a + b + 2) ? front * fraction(x, a, b) / a : 1 - front * fraction(1 - x, b, a) / b;
    }

    private static double fraction(double x, double a, double b) {
        double tiny = 1e-300;
        double c = 1;
        double d = 1 / nonZero(1 - (a + b) * x / (a + 1), tiny);
        double result = d;
        for (int m = 1; m <= 10_000; m++) {
            double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 / nonZero(1 + even * d, tiny);
            c = nonZero(1 + even / c, tiny);
            result *= d * c;
            double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / nonZero(1 + odd * d, tiny);
            c = nonZero(1 + odd / c, tiny);
            double step = d * c;
            result *= step;
            if (Math.abs(step - 1) < 1e-15) break;
        }
        return result;
    }

    private static double nonZero(double x, double tiny) {
        return Math.abs(x) < tiny ? tiny : x;
    }

    /// Logarithm of the gamma function (Lanczos 1964, g = 7, nine terms).
    static double logGamma(double x) {
        double[] lanczos = {
            0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
            12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7
        };
        double sum = lanczos[0];
        for (int i = 1; i < lanczos.length; i++) sum += lanczos[i] / (x - 1 + i);
        double t = x + 6.5;
        return .5 * Math.log(2 * Math.PI) + (x - .5) * Math.log(t) - t + Math.log(sum);
    }
}
