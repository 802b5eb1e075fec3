// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.eval.Intervals;
import dev.stoa.library.State;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// May this version serve? Gates specification §8: all failing conditions are listed at once, and only a measured gain
/// in its own domain publishes an expert.
public final class PublicationGate {
    /// Largest loss on another domain that a single expert may cause when mounted there, as a point estimate.
    static final double SOLO_LIMIT = -0.15;
    /// Largest loss of the routed system on another domain.
    static final double SYSTEM_LIMIT = -0.03;

    /// Another gate's verdict: its kind (`health`, `gate`, `guard`, …), outcome, and the base it was measured on.
    public record Finding(String kind, GateExit exit, String baseHash) {}

    /// Effect on another domain: mounted there alone, and in the routed system (null when not measured). For the
    /// domains that the router confuses most the interval decides, elsewhere the point.
    public record OffDomain(String domain, double soloChange, Intervals.Interval systemChange, boolean confusable) {}

    /// `required` are the kinds without which nothing is published; `adapterBase` is the base the expert was trained
    /// on.
    public record Request(
            String name, String adapterBase, String servedBase, Set<String> required, List<Finding> findings,
            Uplift uplift,
            List<OffDomain> offDomain, boolean allowNoGain) {}

    /// `exit` and `state` say what to do: publish when `state` is `PUBLISHED`, else move there. `reasons` is empty on a
    /// pass; for `base_only` it holds `harmful` or `no_measured_gain`.
    public record Decision(GateExit exit, State state, List<String> reasons, List<String> warnings) {}

    private PublicationGate() {}

    public static Decision decide(Request request) {
        List<String> reasons = new ArrayList<>();
        Set<GateExit> exits = EnumSet.noneOf(GateExit.class);
        if (!request.servedBase().equals(request.adapterBase())) {
            reasons.add("made for base " + request.adapterBase() + ", the served base is " + request.servedBase());
            exits.add(GateExit.REFUSED);
        }
        for (String kind : request.required()) {
            if (request.findings().stream().noneMatch(finding -> finding.kind().equals(kind))) {
                reasons.add("evidence of kind " + kind + " is missing");
                exits.add(GateExit.REFUSED);
            }
        }
        for (Finding finding : request.findings()) {
            if (!request.servedBase().equals(finding.baseHash())) {
                reasons.add(finding.kind() + " was measured on another base, " + finding.baseHash());
                exits.add(GateExit.REFUSED);
            } else if (finding.exit() != GateExit.PASS) {
                reasons.add(finding.kind() + " ended with exit " + finding.exit().code());
                exits.add(finding.exit());
            }
        }
        for (OffDomain other : request.offDomain()) offDomain(other, reasons, exits);
        if (!exits.isEmpty()) {
            GateExit exit = GateExit.first(exits);
            return new Decision(exit, exit.state(), reasons, List.of());
        }
        return byUplift(request);
    }

    private static void offDomain(OffDomain other, List<String> reasons, Set<GateExit> exits) {
        if (other.soloChange() < SOLO_LIMIT) {
            reasons.add(String.format(Locale.ROOT, "%s: mounted alone it changes the score by %+.3f, less than %s",
                    other.domain(), other.soloChange(), SOLO_LIMIT));
            exits.add(GateExit.REFUSED);
        }
        Intervals.Interval system = other.systemChange();
        if (system == null) return;
        double judged = other.confusable() ? system.low() : system.value();
        if (judged < SYSTEM_LIMIT) {
            reasons.add(String.format(Locale.ROOT, "%s: the routed system changes by %+.3f [%+.3f, %+.3f]",
                    other.domain(), system.value(), system.low(), system.high()));
            exits.add(GateExit.REFUSED);
        }
    }

    private static Decision byUplift(Request request) {
        Uplift uplift = request.uplift();
        String numbers = String.format(Locale.ROOT, "gain %+.3f [%+.3f, %+.3f], n = %d", uplift.gain(), uplift.low(),
                uplift.high(), uplift.n());
        return switch (uplift.outcome()) {
            case EXPERT -> new Decision(GateExit.PASS, State.PUBLISHED, List.of(), List.of());
            case NO_MEASURED_GAIN -> request.allowNoGain()
                    ? new Decision(GateExit.PASS, State.PUBLISHED, List.of(),
                    List.of("published without a measured gain: " + numbers))
                    : new Decision(GateExit.REFUSED, State.BASE_ONLY, List.of(uplift.outcome().id()), List.of(numbers));
            case HARMFUL -> new Decision(GateExit.REFUSED, State.BASE_ONLY, List.of(uplift.outcome().id()),
                    List.of(numbers));
            case HELD -> new Decision(GateExit.INSUFFICIENT, State.HELD,
                    List.of("only " + uplift.n() + " items, at least " + Uplift.MIN_ITEMS + " are needed"), List.of());
        };
    }
}
