// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.eval.Intervals;
import java.util.Arrays;
import java.util.Optional;

/// Did a prior expert's win-rate drop? Decided at N = 64, 128, 256, 512 paired probes (more by doubling) with stricter
/// intervals before the last look, so that looking early does not raise false alarms. Gates specification §5.3.
public final class SequentialLooks {
    public static final int FIRST_LOOK = 64;
    public static final int LAST_LOOK = 512;
    static final double Z_BEFORE_LAST = 2.576;
    static final double Z_LAST = 1.96;
    static final double HOLM_LEVEL = 0.05;

    /// `NONE`: no drop above the margin, shown. `CONFIRMED`: a drop, shown. `UNCERTAIN`: neither, with all probes used.
    /// `INSUFFICIENT`: fewer than 30 probes.
    public enum Verdict { NONE, CONFIRMED, UNCERTAIN, INSUFFICIENT }

    /// `onlyBefore` and `onlyAfter` count the probes won on one side alone; `pValue` is McNemar's, one-sided.
    /// `probesNeeded` says about how many would settle an uncertain verdict; null when more cannot clear it.
    public record Result(
            Verdict verdict, int n, int onlyBefore, int onlyAfter, double drop, double low, double high, double pValue,
            Integer probesNeeded) {}

    private SequentialLooks() {}

    /// How many probes must be scored before the next look; `n` have been, at most `maxN` will be.
    public static int nextLook(int n, int maxN) {
        int look = FIRST_LOOK;
        while (look <= n) look *= 2;
        return Math.min(look, maxN);
    }

    /// The verdict at one look, or empty when the next look has to be awaited.
    public static Optional<Result> look(int onlyBefore, int onlyAfter, int n, boolean last) {
        Intervals.Interval drop = Intervals.pairedDifference(onlyBefore, onlyAfter, n, last ? Z_LAST : Z_BEFORE_LAST);
        Verdict verdict;
        if (n < Forgetting.MIN_PROBES) verdict = Verdict.INSUFFICIENT;
        else if (drop.high() <= Forgetting.DROP) verdict = Verdict.NONE;
        else if (drop.value() > Forgetting.DROP && drop.low() > 0) verdict = Verdict.CONFIRMED;
        else verdict = Verdict.UNCERTAIN;
        boolean open = verdict == Verdict.UNCERTAIN || verdict == Verdict.INSUFFICIENT;
        if (open && !last) return Optional.empty();
        return Optional.of(new Result(verdict, n, onlyBefore, onlyAfter, drop.value(), drop.low(), drop.high(),
                Intervals.mcnemar(onlyBefore, onlyAfter), open ? probesNeeded(onlyBefore, onlyAfter, n) : null));
    }

    /// Walks the looks over answers that are all there already: won before, won after, by probe.
    public static Result decide(boolean[] before, boolean[] after, int maxN) {
        if (before.length != after.length || before.length == 0) {
            throw Fault.of(ExpertsFault.GATE_MISUSE, "the same probes must be scored before and after")
                    .got(before.length + " and " + after.length).exception();
        }
        int limit = Math.min(before.length, maxN);
        int onlyBefore = 0;
        int onlyAfter = 0;
        int seen = 0;
        while (true) {
            int look = nextLook(seen, limit);
            for (; seen < look; seen++) {
                if (before[seen] && !after[seen]) onlyBefore++;
                if (after[seen] && !before[seen]) onlyAfter++;
            }
            Optional<Result> result = look(onlyBefore, onlyAfter, look, look == limit);
            if (result.isPresent()) return result.get();
        }
    }

    /// N* = ceil(1.96^2 d / (0.03 - drop)^2) with d the discordant share; at least the 30 that are always needed.
    private static Integer probesNeeded(int onlyBefore, int onlyAfter, int n) {
        double drop = (double) (onlyBefore - onlyAfter) / n;
        if (drop >= Forgetting.DROP) return null;
        double share = (double) (onlyBefore + onlyAfter) / n;
        double gap = Forgetting.DROP - drop;
        return Math.max(Forgetting.MIN_PROBES, (int) Math.ceil(Z_LAST * Z_LAST * share / (gap * gap)));
    }

    /// Over many priors a confirmed drop must survive Holm's correction at 0.05 (Holm 1979); one that does not becomes
    /// uncertain. No drop needs no correction, since it is required of every prior.
    public static Result[] corrected(Result[] results) {
        Integer[] order = new Integer[results.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (i, j) -> Double.compare(results[i].pValue(), results[j].pValue()));
        Result[] corrected = results.clone();
        boolean rejecting = true;
        for (int rank = 0; rank < order.length; rank++) {
            Result result = results[order[rank]];
            rejecting &= result.pValue() <= HOLM_LEVEL / (order.length - rank);
            if (rejecting || result.verdict() != Verdict.CONFIRMED) continue;
            corrected[order[rank]] = new Result(Verdict.UNCERTAIN, result.n(), result.onlyBefore(), result.onlyAfter(),
                    result.drop(), result.low(), result.high(), result.pValue(), null);
        }
        return corrected;
    }
}
