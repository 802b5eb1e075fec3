// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;
import java.util.List;

/// A belief on two time axes: true in the world in [validFrom, validTo), held by us in [recordedAt, retractedAt).
/// An open end is null. `sources` are the episodes it was read from, empty when it was told explicitly; a fact goes
/// when its last source is forgotten. A `candidate` contradicts something more trusted and is never current.
public record Fact(
        String id, String subject, String predicate, String object, boolean functional, boolean candidate, Origin origin,
        Owner owner, Instant validFrom, Instant validTo, Instant recordedAt, Instant retractedAt, List<String> sources) {
    public Fact {
        sources = List.copyOf(sources);
    }

    /// How it reads.
    String text() {
        return subject + " " + predicate + " " + object;
    }

    boolean validAt(Instant time) {
        return !validFrom.isAfter(time) && (validTo == null || time.isBefore(validTo));
    }

    boolean knownAt(Instant time) {
        return !recordedAt.isAfter(time) && (retractedAt == null || time.isBefore(retractedAt));
    }

    Fact retracted(Instant at) {
        return new Fact(id, subject, predicate, object, functional, candidate, origin, owner, validFrom, validTo, recordedAt,
                at, sources);
    }

    /// The same belief over [from, end), as a new row recorded at `now`.
    Fact copy(String newId, Instant from, Instant end, Instant now) {
        return new Fact(newId, subject, predicate, object, functional, candidate, origin, owner, from, end, now, null,
                sources);
    }

    Fact withSources(List<String> others) {
        return new Fact(id, subject, predicate, object, functional, candidate, origin, owner, validFrom, validTo, recordedAt,
                retractedAt, others);
    }
}
