// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.eval.Intervals;
import java.util.Locale;

/// Is the expert better than the base on held-out items of its own domain? Mean scores of both, the paired difference
/// with its 95 % interval, and what follows for serving. Gates specification §8, outcome of step 5.
public record Uplift(
        String domain, double base, double expert, double gain, double low, double high, int n, String ciMethod,
        Outcome outcome) {
    /// Fewer items decide nothing.
    public static final int MIN_ITEMS = 128;
    /// A significant half point does not pay for an adapter.
    public static final double MIN_GAIN = 0.03;

    /// What the numbers say.
    public enum Outcome {
        /// Better: lower bound above 0 and gain of at least the minimum.
        EXPERT,
        /// Worse: upper bound below 0.
        HARMFUL,
        /// Neither shown.
        NO_MEASURED_GAIN,
        /// Too few items.
        HELD;

        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public static Uplift measure(String domain, double[] baseScores, double[] expertScores) {
        return measure(domain, baseScores, expertScores, MIN_GAIN);
    }

    /// Scores in [0, 1] of the same items in the same order. Scores of only 0 and 1 get the Agresti–Min interval,
    /// graded ones a paired bootstrap.
    public static Uplift measure(String domain, double[] baseScores, double[] expertScores, double minGain) {
        int n = baseScores.length;
        if (n != expertScores.length || n == 0) {
            throw Fault.of(ExpertsFault.GATE_MISUSE, "base and expert must be scored on the same items").where(domain)
                    .got(n + " and " + expertScores.length).exception();
        }
        Intervals.Interval gain = difference(domain, baseScores, expertScores);
        Outcome outcome;
        if (n < MIN_ITEMS) outcome = Outcome.HELD;
        else if (gain.low() > 0 && gain.value() >= minGain) outcome = Outcome.EXPERT;
        else if (gain.high() < 0) outcome = Outcome.HARMFUL;
        else outcome = Outcome.NO_MEASURED_GAIN;
        return new Uplift(domain, mean(baseScores), mean(expertScores), gain.value(), gain.low(), gain.high(), n,
                binary(baseScores) && binary(expertScores) ? "agresti_min_paired" : "bootstrap_paired", outcome);
    }

    /// Mean of second minus first with its paired 95 % interval.
    static Intervals.Interval difference(String domain, double[] first, double[] second) {
        int onlyFirst = 0;
        int onlySecond = 0;
        double[] differences = new double[first.length];
        for (int i = 0; i < first.length; i++) {
            if (!(first[i] >= 0 && first[i] <= 1 && second[i] >= 0 && second[i] <= 1)) {
                throw Fault.of(ExpertsFault.GATE_MISUSE, "a score lies in [0, 1]").where(domain + ", item " + i)
                        .got(first[i] + " and " + second[i]).exception();
            }
            differences[i] = second[i] - first[i];
            if (differences[i] > 0) onlySecond++;
            if (differences[i] < 0) onlyFirst++;
        }
        return binary(first) && binary(second)
                ? Intervals.pairedDifference(onlySecond, onlyFirst, first.length, Intervals.Z95)
                : Intervals.bootstrapMean(differences, Intervals.RESAMPLES, 42);
    }

    private static boolean binary(double[] scores) {
        for (double score : scores) if (score != 0 && score != 1) return false;
        return true;
    }

    private static double mean(double[] scores) {
        double sum = 0;
        for (double score : scores) sum += score;
        return sum / scores.length;
    }
}
