// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import java.util.List;
import java.util.Locale;

/// What the angle and the drop together mean for one prior expert, gates specification §5.4. Both thresholds are
/// strict: exactly 30 degrees, or exactly 0.03, does not trip.
public final class DropRule {
    /// `strictAngle`: a low angle alone fails. `noProbes`: the user accepts an unknown drop. `warnOnInsufficient`: too
    /// little evidence passes with a warning, on record.
    public record Options(boolean strictAngle, boolean noProbes, boolean warnOnInsufficient) {
        public static final Options DEFAULT = new Options(false, false, false);
    }

    public record Decision(GateExit exit, String reason, List<String> warnings) {}

    private DropRule() {}

    /// `angles` is null when the pair shares no module; `drop` is null when there were no probes.
    public static Decision decide(ForgettingReport angles, SequentialLooks.Result drop, Options options) {
        boolean low = angles != null && angles.angleDegreesMean() != null
                && (angles.angleDegreesMean() < Forgetting.ANGLE_LOW || !angles.offendingModules().isEmpty());
        if (drop == null) {
            return options.noProbes()
                    ? new Decision(GateExit.PASS, "angle_only_partial", List.of("the drop was not measured"))
                    : new Decision(GateExit.INSUFFICIENT, "angle_only_partial", List.of());
        }
        if (low && drop.drop() > Forgetting.DROP && drop.n() >= Forgetting.MIN_PROBES) {
            String reason = String.format(Locale.ROOT, "the angle is low and the win-rate fell by %.3f", drop.drop());
            return new Decision(GateExit.FORGETTING, reason, List.of());
        }
        return switch (drop.verdict()) {
            case CONFIRMED -> new Decision(GateExit.DROP, String.format(Locale.ROOT,
                    "the win-rate fell by %.3f [%.3f, %.3f]", drop.drop(), drop.low(), drop.high()), List.of());
            case UNCERTAIN, INSUFFICIENT -> open(drop, options);
            case NONE -> withoutDrop(low, options);
        };
    }

    private static Decision withoutDrop(boolean low, Options options) {
        if (!low) return new Decision(GateExit.PASS, "no drop", List.of());
        return options.strictAngle()
                ? new Decision(GateExit.FORGETTING, "the angle is low", List.of())
                : new Decision(GateExit.PASS, "no drop", List.of("the angle is low, without a drop"));
    }

    private static Decision open(SequentialLooks.Result drop, Options options) {
        String needed = drop.probesNeeded() == null ? "more probes cannot clear it"
                : "about " + drop.probesNeeded() + " probes are needed";
        String reason = "%d probes do not decide: %s".formatted(drop.n(), needed);
        return options.warnOnInsufficient()
                ? new Decision(GateExit.PASS, "accepted without enough evidence", List.of(reason))
                : new Decision(GateExit.INSUFFICIENT, reason, List.of());
    }
}
