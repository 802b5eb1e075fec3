// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/// The facts of one tenant. Nothing is overwritten: what changes is closed and copied, so that "what was true then, as
/// we know it today" and "what did we believe then" both have answers. Not thread-safe; the owner locks.
final class FactBase {
    /// How much less trusted a contradiction may be and still replace what is believed.
    private static final double TRUST_GAP = 0.3;

    private final Map<String, Fact> byId = new LinkedHashMap<>();
    private final Map<String, List<String>> bySubject = new TreeMap<>();

    /// Rows to write for one new belief (`object` null: a withdrawal). Applied by [#put], also on replay.
    List<Fact> plan(Owner owner, Origin origin, String subject, String predicate, String object, boolean functional,
            Instant validFrom, Instant now, List<String> sources, Supplier<String> ids) {
        List<Fact> known = rows(subject).stream()
                .filter(row -> row.retractedAt() == null && !row.candidate() && row.predicate().equals(predicate)
                        && Objects.equals(row.owner().subject(), owner.subject())).toList();
        Fact covering = known.stream().filter(row -> row.validAt(validFrom)
                && (functional || object == null || row.object().equals(object))).findFirst().orElse(null);
        List<Fact> rows = new ArrayList<>();
        if (object == null) {
            for (Fact row : known) {
                if (!row.validAt(validFrom)) continue;
                rows.add(row.retracted(now));
                // Copies mark where nothing is known from, even when they are empty: a late arrival must end there.
                rows.add(row.copy(ids.get(), row.validFrom(), validFrom, now));
                if (row.validTo() != null) rows.add(row.copy(ids.get(), row.validTo(), row.validTo(), now));
            }
            return rows;
        }
        if (covering != null && covering.object().equals(object)) {
            List<String> support = new ArrayList<>(covering.sources());
            for (String source : sources) if (!support.contains(source)) support.add(source);
            if (!covering.sources().isEmpty() && support.size() > covering.sources().size()) rows.add(covering.withSources(support));
            return rows;
        }
        boolean candidate = covering != null && covering.origin().trust() - origin.trust() > TRUST_GAP;
        Instant end = null;
        if (functional && !candidate) {
            if (covering != null) close(rows, covering, validFrom, now, ids);
            end = known.stream().map(Fact::validFrom).filter(from -> from.isAfter(validFrom)).min(Comparator.naturalOrder())
                    .orElse(null);
            if (covering != null && covering.validTo() != null && (end == null || covering.validTo().isBefore(end))) end = covering.validTo();
        }
        rows.add(new Fact(ids.get(), subject, predicate, object, functional, candidate, origin, owner, validFrom, end, now, null,
                sources));
        return rows;
    }

    /// Retracts a row; what was true before `end` stays as a copy known from now on.
    private static void close(List<Fact> rows, Fact row, Instant end, Instant now, Supplier<String> ids) {
        rows.add(row.retracted(now));
        if (row.validFrom().isBefore(end)) rows.add(row.copy(ids.get(), row.validFrom(), end, now));
    }

    /// Adds a row or replaces the one of the same id.
    void put(Fact row) {
        if (byId.put(row.id(), row) == null) bySubject.computeIfAbsent(key(row.subject()), s -> new ArrayList<>()).add(row.id());
    }

    /// Removes rows by id, and takes forgotten episodes out of the others; rows whose last source went, go too.
    /// Returns the ids removed.
    List<String> forget(Set<String> ids) {
        List<String> removed = new ArrayList<>();
        for (Fact row : List.copyOf(byId.values())) {
            List<String> left = row.sources().stream().filter(source -> !ids.contains(source)).toList();
            boolean orphan = left.isEmpty() && !row.sources().isEmpty();
            if (ids.contains(row.id()) || orphan) removed.add(row.id());
            else if (left.size() < row.sources().size()) byId.put(row.id(), row.withSources(left));
        }
        for (String id : removed) {
            Fact row = byId.remove(id);
            List<String> rest = bySubject.get(key(row.subject()));
            rest.remove(id);
            if (rest.isEmpty()) bySubject.remove(key(row.subject()));
        }
        return removed;
    }

    private List<Fact> rows(String subject) {
        return bySubject.getOrDefault(key(subject), List.of()).stream().map(byId::get).toList();
    }

    Collection<Fact> all() {
        return byId.values();
    }

    /// Subjects that a text's words name: phrases of up to four words.
    Set<String> namedIn(List<String> words) {
        Set<String> found = new LinkedHashSet<>();
        for (int from = 0; from < words.size(); from++) {
            for (int to = from + 1; to <= Math.min(words.size(), from + 4); to++) {
                String phrase = String.join(" ", words.subList(from, to));
                if (bySubject.containsKey(phrase)) found.add(phrase);
            }
        }
        return found;
    }

    /// Subjects are the same when their words are.
    private static String key(String subject) {
        List<String> words = TextIndex.words(subject);
        return words.isEmpty() ? subject : String.join(" ", words);
    }

    Fact find(String id) {
        return byId.get(id);
    }

    /// Facts valid at `asOf` as known at `knownAt`, by time of recording; candidates are left out.
    List<Fact> query(String subject, String predicate, Instant asOf, Instant knownAt) {
        Collection<Fact> pool = subject == null ? byId.values() : rows(subject);
        return pool.stream()
                .filter(row -> !row.candidate() && (predicate == null || row.predicate().equals(predicate))
                        && row.validAt(asOf) && row.knownAt(knownAt))
                .sorted(Comparator.comparing(Fact::recordedAt).thenComparing(Fact::id)).toList();
    }
}
