// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;

/// A belief on two time axes: true in the world in [validFrom, validTo), held by us in [recordedAt, retractedAt).
/// An open end is null.
public record Fact(
        String id, String subject, String predicate, String object, boolean functional, Origin origin,
        Instant validFrom, Instant validTo, Instant recordedAt, Instant retractedAt) {
    boolean validAt(Instant time) {
        return !validFrom.isAfter(time) && (validTo == null || time.isBefore(validTo));
    }

    boolean knownAt(Instant time) {
        return !recordedAt.isAfter(time) && (retractedAt == null || time.isBefore(retractedAt));
    }
}
