// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import java.util.Locale;

/// Why a decision came out as it did. The wire name is the lower-case constant name.
public enum RouteReason {
    ROUTED, NO_LABEL_OVER_THRESHOLD, BASE_LABEL, ABSTAIN_OOD, NO_HARM_TABLE, NOT_PERMITTED, EMPTY_INPUT,
    ROUTER_UNAVAILABLE, FORCED;

    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
