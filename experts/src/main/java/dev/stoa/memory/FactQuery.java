// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;

/// Facts valid at `asOf` as known at `knownAt`; null means now. `subject` and `predicate` null match everything.
public record FactQuery(String subject, String predicate, Instant asOf, Instant knownAt) {
    public static FactQuery of(String subject, String predicate) {
        return new FactQuery(subject, predicate, null, null);
    }
}
