// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import dev.stoa.generate.Compose;
import java.util.List;

/// What the router decided. `active` is empty exactly when `fallback` is true: the base answers alone.
/// `domains` lists the likeliest labels the caller may see, best first. `trace` is null unless asked for.
public record RouteDecision(
        long stateVersion, boolean fallback, RouteReason reason, List<ActiveExpert> active, Compose compose,
        List<LabelScore> domains, RouteTrace trace) {
    public RouteDecision {
        active = List.copyOf(active);
        domains = List.copyOf(domains);
        if (fallback != active.isEmpty()) throw new IllegalArgumentException("fallback means that nothing is mounted");
    }

    /// The base alone, without any scores.
    public static RouteDecision base(long stateVersion, RouteReason reason) {
        return new RouteDecision(stateVersion, true, reason, List.of(), Compose.LOGITS, List.of(), null);
    }
}
