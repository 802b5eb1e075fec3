// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// From a query to the few items worth knowing: vectors and words find candidates, reciprocal ranks fuse them, facts
/// decide what is current, the gate decides whether any of it is relevant. Reads a [MemoryState], changes nothing.
final class Recaller {
    private static final int CANDIDATES = 50;
    private static final int FUSION = 60;
    private static final double ALIAS_WEIGHT = 0.7;
    private static final double DIVERSITY = 0.3;
    private static final double QUESTION = 0.5; // a question asked before resembles this one and answers nothing

    private final MemoryState state;
    private final PredicateTable predicates;
    private final RelevanceGate gate;
    private final TenantContext caller;
    private final RecallQuery query;
    private final Instant asOf;
    private final Instant now;
    private final List<String> words;
    private final Set<PredicateTable.Predicate> asked;

    private Recaller(MemoryState state, PredicateTable predicates, RelevanceGate gate, TenantContext caller,
            RecallQuery query, Instant now) {
        this.state = state;
        this.predicates = predicates;
        this.gate = gate;
        this.caller = caller;
        this.query = query;
        this.now = now;
        asOf = query.asOf() == null ? now : query.asOf();
        words = TextIndex.words(query.text());
        asked = this.predicates.named(words);
    }

    static RecallResult recall(MemoryState state, PredicateTable predicates, RelevanceGate gate, TenantContext caller,
            RecallQuery query, Instant now) {
        long start = System.nanoTime();
        Recaller recaller = new Recaller(state, predicates, gate, caller, query, now);
        return recaller.run(start);
    }

    /// Why an item may rank: sums of reciprocal ranks and the raw scores behind them.
    private static final class Candidate {
        final String id;
        double fused;
        double cosine;
        double bm25;
        boolean stated;
        String conflict;

        Candidate(String id) {
            this.id = id;
        }
    }

    private RecallResult run(long start) {
        List<Candidate> ranked = ranked();
        if (ranked.isEmpty()) return new RecallResult(List.of(), 0, query.gated(), micros(start), List.of());
        double p = gate.probability(gateInputs(ranked.getFirst()));
        boolean foreign = !gate.embedderHash().equals(state.embedder.hash());
        List<String> degraded = foreign ? List.of("gate: fitted for another embedder") : List.of();
        if (query.gated() && (foreign || p < gate.threshold())) return new RecallResult(List.of(), p, true, micros(start), degraded);
        return new RecallResult(diverse(ranked).stream().map(this::item).toList(), p, false, micros(start), degraded);
    }

    /// What the gate sees of the best candidate, or null when there is none.
    static double[] gateInputs(MemoryState state, PredicateTable predicates, TenantContext caller, RecallQuery query, Instant now) {
        Recaller recaller = new Recaller(state, predicates, null, caller, query, now);
        List<Candidate> ranked = recaller.ranked();
        return ranked.isEmpty() ? null : recaller.gateInputs(ranked.getFirst());
    }

    private double[] gateInputs(Candidate best) {
        // It states something, the query asks for a declared predicate, and that is not what it states.
        boolean other = !asked.isEmpty() && !best.stated && state.stated.containsKey(best.id);
        return RelevanceGate.inputs(best.cosine, state.texts.coverage(best.id, weightedWords()), best.stated, other);
    }

    /// Every candidate, best first; those that state an old value last.
    private List<Candidate> ranked() {
        Map<String, Candidate> found = new LinkedHashMap<>();
        float[] vector = state.embedder.embed(expanded());
        List<VectorIndex.Hit> near = vector == null ? List.of() : state.vectors.search(vector, CANDIDATES, this::eligible);
        for (int rank = 0; rank < near.size(); rank++) candidate(found, near.get(rank).id()).fused += 1.0 / (FUSION + rank + 1);
        List<TextIndex.Hit> matches = state.texts.search(weightedWords(), CANDIDATES, this::eligible);
        for (int rank = 0; rank < matches.size(); rank++) {
            Candidate one = candidate(found, matches.get(rank).id());
            one.fused += 1.0 / (FUSION + rank + 1);
            one.bm25 = matches.get(rank).score();
        }
        List<String> current = currentSources();
        for (int rank = 0; rank < current.size(); rank++) {
            Candidate one = candidate(found, current.get(rank));
            one.fused += 1.0 / (FUSION + rank + 1);
            one.stated = true;
        }
        List<Candidate> ranked = new ArrayList<>(found.values());
        for (Candidate one : ranked) {
            one.fused *= origin(one.id).trust() * (asks(one.id) ? QUESTION : 1);
            float[] own = state.vectors.vector(one.id);
            if (vector != null && own != null) one.cosine = VectorIndex.dot(vector, own);
            one.conflict = supersededBy(one.id);
        }
        ranked.sort(Comparator.comparing((Candidate one) -> one.conflict != null).thenComparing(one -> -one.fused)
                .thenComparing(one -> at(one.id), Comparator.reverseOrder()).thenComparing(one -> one.id));
        return ranked;
    }

    private static long micros(long start) {
        return (System.nanoTime() - start) / 1_000;
    }

    private static Candidate candidate(Map<String, Candidate> found, String id) {
        return found.computeIfAbsent(id, Candidate::new);
    }

    /// Query words, and the other names of the predicates among them.
    private Map<String, Double> weightedWords() {
        Map<String, Double> weighted = new LinkedHashMap<>();
        for (String word : words) weighted.put(word, 1.0);
        for (PredicateTable.Predicate predicate : asked) {
            weighted.putIfAbsent(predicate.name(), ALIAS_WEIGHT);
            for (String alias : predicate.aliases()) weighted.putIfAbsent(alias, ALIAS_WEIGHT);
        }
        return weighted;
    }

    private String expanded() {
        StringBuilder text = new StringBuilder(query.text());
        for (PredicateTable.Predicate predicate : asked) if (!words.contains(predicate.name())) text.append(' ').append(predicate.name());
        return text.toString();
    }

    /// What the caller may see and what is not withdrawn or in the future of `asOf`.
    private boolean eligible(String id) {
        Episode episode = state.episodes.get(id);
        if (episode == null) {
            Fact fact = state.facts.find(id);
            return fact != null && fact.owner().visibleTo(caller) && !fact.candidate() && fact.validAt(asOf) && fact.knownAt(now);
        }
        if (!episode.owner().visibleTo(caller) || episode.at().isAfter(asOf)) return false;
        if (episode.text().strip().equalsIgnoreCase(query.text().strip())) return false; // the question itself
        return !withdrawn(id);
    }

    /// Every fact the episode stated was withdrawn, and nothing took its place.
    private boolean withdrawn(String id) {
        Set<String> stated = state.stated.getOrDefault(id, Set.of());
        if (stated.isEmpty()) return false;
        for (String factId : stated) {
            Fact fact = state.facts.find(factId);
            if (!current(fact).isEmpty()) return false;
        }
        return true;
    }

    /// The item that states the current value when this one states only old ones; null when this one is current.
    private String supersededBy(String id) {
        Set<String> stated = state.stated.getOrDefault(id, Set.of());
        String by = null;
        for (String factId : stated) {
            Fact fact = state.facts.find(factId);
            if (fact.candidate()) continue;
            if (fact.validAt(asOf) && fact.knownAt(now)) return null;
            for (Fact other : current(fact)) by = other.sources().isEmpty() ? other.id() : other.sources().getLast();
        }
        return id.equals(by) ? null : by;
    }

    /// What the same person holds to be true about the same thing at `asOf`.
    private List<Fact> current(Fact fact) {
        return state.facts.query(fact.subject(), fact.predicate(), asOf, now).stream()
                .filter(other -> Objects.equals(other.owner().subject(), fact.owner().subject())).toList();
    }

    /// Items that state the current value of what the query names, the newest first.
    private List<String> currentSources() {
        Set<String> ids = new LinkedHashSet<>();
        if (asked.isEmpty()) return List.of();
        for (String subject : state.facts.namedIn(words)) {
            for (PredicateTable.Predicate predicate : asked) {
                for (Fact fact : state.facts.query(subject, predicate.name(), asOf, now).reversed()) {
                    if (!fact.owner().visibleTo(caller)) continue;
                    if (fact.sources().isEmpty()) ids.add(fact.id());
                    else ids.addAll(fact.sources().reversed());
                }
            }
        }
        return ids.stream().filter(this::eligible).toList();
    }

    /// Maximal marginal relevance: the best first, then what adds most to what is chosen.
    private List<Candidate> diverse(List<Candidate> ranked) {
        List<Candidate> left = new ArrayList<>(ranked);
        List<Candidate> chosen = new ArrayList<>();
        Map<String, Double> nearest = new HashMap<>();
        double top = ranked.getFirst().fused;
        while (chosen.size() < query.k() && !left.isEmpty()) {
            Candidate best = null;
            double bestScore = Double.NEGATIVE_INFINITY;
            for (Candidate one : left) {
                double penalty = one.conflict == null ? 0 : 1; // old values come last
                double score = (1 - DIVERSITY) * one.fused / top - DIVERSITY * nearest.getOrDefault(one.id, 0.0) - penalty;
                if (score <= bestScore) continue;
                best = one;
                bestScore = score;
            }
            left.remove(best);
            chosen.add(best);
            float[] vector = state.vectors.vector(best.id);
            if (vector == null) continue;
            for (Candidate one : left) {
                float[] other = state.vectors.vector(one.id);
                if (other != null) nearest.merge(one.id, Math.max(0, VectorIndex.dot(vector, other)), Math::max);
            }
        }
        return chosen;
    }

    private boolean asks(String id) {
        Episode episode = state.episodes.get(id);
        return episode != null && episode.text().stripTrailing().endsWith("?");
    }

    private RecallResult.Item item(Candidate one) {
        RecallResult.Kind kind = state.episodes.containsKey(one.id) ? RecallResult.Kind.EPISODE : RecallResult.Kind.FACT;
        return new RecallResult.Item(one.id, kind, state.text(one.id), at(one.id), origin(one.id), one.fused, one.cosine,
                one.bm25, one.conflict);
    }

    private Instant at(String id) {
        Episode episode = state.episodes.get(id);
        return episode != null ? episode.at() : state.facts.find(id).validFrom();
    }

    private Origin origin(String id) {
        Episode episode = state.episodes.get(id);
        return episode != null ? episode.origin() : state.facts.find(id).origin();
    }
}
