// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.library.State;
import java.util.Collection;
import java.util.List;

/// The outcomes of the one-shot gate and of publishing, with their exit codes and what each makes of the version.
public enum GateExit {
    /// Warnings are possible.
    PASS(0),
    /// Low angle and a drop together.
    FORGETTING(1),
    /// A confirmed drop of a prior expert's win-rate, angles healthy.
    DROP(2),
    /// Unhealthy: nothing else is run.
    HEALTH(3),
    /// Too few probes or too wide an interval.
    INSUFFICIENT(4),
    /// Publication refused.
    REFUSED(5),
    MISUSE(64),
    UNREADABLE(65);

    private static final List<GateExit> ORDER =
            List.of(UNREADABLE, MISUSE, HEALTH, FORGETTING, DROP, INSUFFICIENT, REFUSED, PASS);
    private final int code;

    GateExit(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }

    /// Of several that apply, the one that is reported.
    public static GateExit first(Collection<GateExit> outcomes) {
        for (GateExit exit : ORDER) {
            if (outcomes.contains(exit)) return exit;
        }
        return PASS;
    }

    public static GateExit ofCode(int code) {
        for (GateExit exit : values()) {
            if (exit.code == code) return exit;
        }
        throw new IllegalArgumentException("no gate ends with code " + code);
    }

    /// The state the gated version moves to, or null when nothing changes: it may be published, or nothing was judged.
    public State state() {
        return switch (this) {
            case PASS, MISUSE, UNREADABLE -> null;
            case FORGETTING, HEALTH -> State.REJECTED;
            case DROP, INSUFFICIENT, REFUSED -> State.HELD;
        };
    }
}
