// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.head.Certificate;
import java.util.Arrays;

/// Chooses the abstain threshold with a guarantee: fixed-sequence testing over 200 quantiles of the score, from the
/// strictest down, each tested by Clopper-Pearson bounds; the last that passes is kept, so that the confidence
/// needs no correction for the search. (Fewer steps would give up to 1/steps of all requests away for nothing.)
public final class Certifier {
    private static final int STEPS = 200;
    private static final int LEAST_ROUTED = 100;

    private Certifier() {}

    /// A row of the certificate split: its score, whether the policy mounts an expert when it is let through, whether
    /// that would be a violation, whether the text is out of domain.
    public record Row(double score, boolean mounts, boolean violation, boolean outOfDomain) {}

    public record Choice(double tau, Certificate certificate) {}

    /// When nothing passes, tau is the strictest tested threshold and the certificate says how many rows are missing.
    public static Choice choose(Row[] rows, double alpha, double delta) {
        double[] scores = Arrays.stream(rows).mapToDouble(Row::score).sorted().toArray();
        Choice best = null;
        Choice strictest = null;
        for (int step = STEPS; step >= 0 && rows.length > 0; step--) {
            double tau = step == 0 ? scores[0] : scores[(int) Math.min(scores.length - 1L, (long) step * scores.length / (STEPS + 1))];
            Certificate certificate = judge(rows, tau, alpha, delta);
            if (certificate.routed() < LEAST_ROUTED) continue;
            if (strictest == null) strictest = new Choice(tau, certificate);
            if (!certificate.certified()) break;
            best = new Choice(tau, certificate);
        }
        if (best != null) return new Choice(best.tau(), withBounds(best.certificate()));
        if (strictest != null) return new Choice(strictest.tau(), withBounds(strictest.certificate()));
        int missing = LEAST_ROUTED - (int) Arrays.stream(rows).filter(Row::mounts).count();
        return new Choice(Double.NEGATIVE_INFINITY,
                new Certificate(false, alpha, delta, 0, 0, 1, 0, 0, 1, Math.max(1, missing)));
    }

    private static Certificate judge(Row[] rows, double tau, double alpha, double delta) {
        int routed = 0;
        int violations = 0;
        int outside = 0;
        int falseRoutes = 0;
        for (Row row : rows) {
            if (row.outOfDomain()) outside++;
            if (row.score() < tau || !row.mounts()) continue;
            routed++;
            if (row.violation()) violations++;
            if (row.outOfDomain()) falseRoutes++;
        }
        boolean passes = passes(violations, routed, alpha, delta) && passes(falseRoutes, outside, alpha, delta);
        return new Certificate(passes, alpha, delta, routed, violations, 1, outside, falseRoutes, 1, 0);
    }

    private static Certificate withBounds(Certificate found) {
        double alpha = found.alpha();
        double delta = found.delta();
        int missing = found.certified() ? 0 : Math.max(0, rowsNeeded(found.falseRoutes(), alpha, delta) - found.outOfDomain());
        return new Certificate(found.certified(), alpha, delta, found.routed(), found.violations(),
                upperBound(found.violations(), found.routed(), delta), found.outOfDomain(), found.falseRoutes(),
                upperBound(found.falseRoutes(), found.outOfDomain(), delta), missing);
    }

    /// U(k, n) <= alpha, that is: at a true rate of alpha so few failures have probability at most delta.
    private static boolean passes(int k, int n, double alpha, double delta) {
        return k < n && atMost(k, n, alpha) <= delta;
    }

    /// Smallest n for which k failures still pass.
    static int rowsNeeded(int k, double alpha, double delta) {
        int low = k;
        int high = 1 << 24;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (passes(k, middle, alpha, delta)) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    /// Clopper-Pearson upper bound U(k, n) = BetaInv(1 - delta; k + 1, n - k): the p at which k or fewer failures in n
    /// have probability delta; 1 when k = n.
    static double upperBound(int k, int n, double delta) {
        if (k >= n) return 1;
        double low = 0;
        double high = 1;
        for (int i = 0; i < 60; i++) {
            double p = (low + high) / 2;
            if (atMost(k, n, p) > delta) low = p;
            else high = p;
        }
        return high;
    }

    /// P(Binomial(n, p) <= k), summed from the largest term down.
    private static double atMost(int k, int n, double p) {
        double log = n * Math.log1p(-p);
        double top = log;
        double[] logs = new double[k + 1];
        for (int i = 0; i <= k; i++) {
            logs[i] = log;
            top = Math.max(top, log);
            log += Math.log((double) (n - i) / (i + 1)) + Math.log(p) - Math.log1p(-p);
        }
        double sum = 0;
        for (double term : logs) sum += Math.exp(term - top);
        return Math.exp(top) * sum;
    }
}
