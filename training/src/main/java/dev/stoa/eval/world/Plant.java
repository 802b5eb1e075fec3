// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One planted truth: who is concerned, through which keys, and what a measurement must show.
///
/// @param conflicting keys on which two of the domains disagree, counted over pairs
/// @param planted     wrong or newer values by key: rows a vandal or a toxic domain is trained on, or version 2 of a
///                    stale key; empty for plants that live in the codebooks alone
/// @param effect      the measured quantity, with its expected range `low` to `high`
public record Plant(
        Type type, List<String> domains, List<String> keys, int conflicting, Map<String, Integer> planted,
        String effect, double low, double high) {
    /// The kinds of planted truth (demo-world.md §2).
    public enum Type { CONFLICT, PARTIAL, AGREEMENT, STALE, VANDAL, BASE_KNOWS, TOXIC }

    public Plant {
        domains = List.copyOf(domains);
        keys = List.copyOf(keys);
        planted = Collections.unmodifiableMap(new LinkedHashMap<>(planted));
    }
}
