// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What one tenant's log amounts to: live episodes and facts, and the indexes over them. Rebuilt by replay; changed only
/// by [#apply]. Not thread-safe; the owner locks.
final class MemoryState {
    private static final int PER_ENTRY = 256;
    final Embedder embedder;
    final Map<String, Episode> episodes = new LinkedHashMap<>();
    final FactBase facts = new FactBase();
    final VectorIndex vectors;
    final TextIndex texts = new TextIndex();
    /// Episode -> the facts it states.
    final Map<String, Set<String>> stated = new HashMap<>();
    private final Map<Owner, Integer> turns = new HashMap<>();
    private final Map<String, LogEntry> acknowledged = new LinkedHashMap<>();
    private long seq;
    private boolean unfinishedHardForget;

    MemoryState(Embedder embedder) {
        this.embedder = embedder;
        vectors = new VectorIndex(embedder.dim());
    }

    long seq() {
        return seq;
    }

    /// The log still holds a HARD forget whose rewrite did not happen.
    boolean unfinishedHardForget() {
        return unfinishedHardForget;
    }

    void rewritten() {
        unfinishedHardForget = false;
    }

    LogEntry acknowledged(String key) {
        return acknowledged.get(key);
    }

    int nextTurn(Owner owner) {
        return turns.getOrDefault(owner, 0);
    }

    void apply(LogEntry entry) {
        seq = Math.max(seq, entry.seq());
        if (entry.key() != null) {
            acknowledged.put(entry.key(), new LogEntry(entry.seq(), entry.key(), entry.ids(), null, null, null, null));
        }
        for (Episode episode : entry.episodes()) {
            episodes.put(episode.id(), episode);
            turns.merge(episode.owner(), episode.turn() + 1, Math::max);
            if (!episode.command()) index(episode.id(), episode.text());
        }
        for (Fact fact : entry.facts()) {
            facts.put(fact);
            for (String source : fact.sources()) stated.computeIfAbsent(source, s -> new LinkedHashSet<>()).add(fact.id());
            if (fact.sources().isEmpty()) index(fact.id(), fact.text());
        }
        if (!entry.forget().isEmpty()) forget(new LinkedHashSet<>(entry.forget()));
        if (entry.mode() == ForgetMode.HARD) unfinishedHardForget = true;
    }

    private void index(String id, String text) {
        texts.insert(id, text);
        float[] vector = embedder.embed(text);
        if (vector != null) vectors.insert(id, vector);
    }

    private void forget(Set<String> ids) {
        List<String> gone = new ArrayList<>(facts.forget(ids));
        for (String id : ids) if (episodes.remove(id) != null) gone.add(id);
        for (String id : gone) {
            texts.remove(id);
            vectors.remove(id);
            stated.remove(id);
        }
        stated.values().forEach(set -> gone.forEach(set::remove));
        acknowledged.values().removeIf(ack -> ack.ids().stream().anyMatch(ids::contains));
    }

    /// The ids a selector means, closed over what was derived from them.
    Set<String> select(ForgetSelector selector) {
        Set<String> ids = new LinkedHashSet<>();
        for (Episode episode : episodes.values()) if (selects(selector, episode.id(), episode.owner())) ids.add(episode.id());
        for (Fact fact : facts.all()) {
            boolean own = fact.sources().isEmpty() && selects(selector, fact.id(), fact.owner());
            boolean named = selector instanceof ForgetSelector.Ids some && some.ids().contains(fact.id());
            boolean orphan = !fact.sources().isEmpty() && ids.containsAll(fact.sources());
            if (own || named || orphan) ids.add(fact.id());
        }
        return ids;
    }

    private static boolean selects(ForgetSelector selector, String id, Owner owner) {
        return switch (selector) {
            case ForgetSelector.Ids some -> some.ids().contains(id);
            case ForgetSelector.Conversation one -> one.conversation().equals(owner.conversation());
            case ForgetSelector.Subject one -> one.subject().equals(owner.subject());
            case ForgetSelector.Everything all -> true;
        };
    }

    /// The shortest log that leads here.
    List<LogEntry> entries() {
        List<LogEntry> entries = new ArrayList<>(acknowledged.values());
        List<Episode> all = List.copyOf(episodes.values());
        for (int from = 0; from < all.size(); from += PER_ENTRY) {
            List<Episode> part = all.subList(from, Math.min(all.size(), from + PER_ENTRY));
            entries.add(new LogEntry(seq, null, null, part, null, null, null));
        }
        List<Fact> rows = List.copyOf(facts.all());
        for (int from = 0; from < rows.size(); from += PER_ENTRY) {
            List<Fact> part = rows.subList(from, Math.min(rows.size(), from + PER_ENTRY));
            entries.add(new LogEntry(seq, null, null, null, part, null, null));
        }
        if (entries.isEmpty()) entries.add(new LogEntry(seq, null, null, null, null, null, null));
        return entries;
    }

    /// The text of a live item by id, or null.
    String text(String id) {
        Episode episode = episodes.get(id);
        if (episode != null) return episode.text();
        Fact fact = facts.find(id);
        return fact == null ? null : fact.text();
    }

    boolean anyTextHolds(String part) {
        return episodes.values().stream().anyMatch(episode -> episode.text().contains(part))
                || facts.all().stream().anyMatch(fact -> fact.text().contains(part));
    }
}
