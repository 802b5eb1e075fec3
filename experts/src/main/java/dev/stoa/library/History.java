// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.store.Digest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;

/// What `history.jsonl` says: every line, checked against the chain, and the state they add up to. Immutable after
/// [#parse]. An unfinished last line (a crash while it was written) is left out and reported by [#wholeBytes].
final class History {
    static final String GENESIS = "0".repeat(64);

    /// A version as its lines describe it.
    record Entry(String manifest, State state, List<Evidence> evidence) {}

    private final Path file;
    private final List<HistoryLine> lines = new ArrayList<>();
    private final Map<String, Entry> versions = new LinkedHashMap<>();
    private Active active;
    private HistoryLine pending;
    private long wholeBytes;
    private String head = GENESIS;

    private History(Path file) {
        this.file = file;
    }

    static History parse(Path file, byte[] content) {
        History history = new History(file);
        int start = 0;
        for (int at = 0; at < content.length; at++) {
            if (content[at] != '\n') continue;
            history.read(Arrays.copyOfRange(content, start, at));
            start = at + 1;
        }
        history.wholeBytes = start;
        return history;
    }

    private void read(byte[] text) {
        HistoryLine line;
        try {
            line = Json.MAPPER.readValue(text, HistoryLine.class);
        } catch (JacksonException wrong) {
            throw corrupt("is not a history line: " + wrong.getOriginalMessage());
        }
        if (line == null) throw corrupt("is empty");
        if (line.seq() != lines.size() + 1) throw corrupt("has number " + line.seq());
        if (!head.equals(line.prev())) throw corrupt("does not follow the line before it (its hash differs)");
        apply(line);
        lines.add(line);
        head = Digest.of(text);
    }

    private void apply(HistoryLine line) {
        switch (line.event()) {
            case ADDED -> put(line.version(), new Entry(line.manifest(), line.state(), line.evidence()));
            case MOVED -> move(line.version(), line.state(), line.evidence());
            case INTENT -> {
                if (line.version() != null) entry(line.version());
                if (line.generation() == null) throw corrupt("has no generation");
                pending = line;
            }
            case ABORT -> pending = null;
            case COMMIT -> {
                if (pending == null || !pending.generation().equals(line.generation())) {
                    throw corrupt("closes a switch that was not opened");
                }
                commit(pending);
                pending = null;
            }
            case RECOVERED -> {
                pending = null;
                if (line.state() == State.PUBLISHED) {
                    versions.replaceAll((version, entry) -> entry.state() != State.PUBLISHED ? entry
                            : new Entry(entry.manifest(), State.SUPERSEDED, entry.evidence()));
                    if (line.generation() == null) throw corrupt("has no generation");
                    active = new Active(line.version(), line.manifest(), line.generation());
                }
                put(line.version(), new Entry(line.manifest(), line.state(), line.evidence()));
            }
        }
    }

    /// The evidence of a switch speaks about the version that leaves for a reason, else about the one that comes.
    private void commit(HistoryLine intent) {
        boolean aboutFrom = intent.fromState() != null && intent.fromState() != State.SUPERSEDED;
        if (intent.from() != null) {
            move(intent.from(), intent.fromState(), aboutFrom ? intent.evidence() : List.of());
        }
        if (intent.version() != null) {
            move(intent.version(), State.PUBLISHED, aboutFrom ? List.of() : intent.evidence());
        }
        active = new Active(intent.version(), intent.manifest(), intent.generation());
    }

    private void put(String version, Entry entry) {
        if (!Names.isVersion(version) || !Digest.isHash(entry.manifest()) || entry.state() == null) {
            throw corrupt("names no version, manifest or state");
        }
        versions.put(version, entry);
    }

    private void move(String version, State to, List<Evidence> added) {
        Entry entry = entry(version);
        if (to == null) throw corrupt("names no state");
        List<Evidence> all = new ArrayList<>(entry.evidence());
        all.addAll(added);
        versions.put(version, new Entry(entry.manifest(), to, List.copyOf(all)));
    }

    private Entry entry(String version) {
        Entry entry = versions.get(version);
        if (entry == null) throw corrupt("speaks of version " + version + ", which was never added");
        return entry;
    }

    private RuntimeException corrupt(String what) {
        return Fault.of(ExpertsFault.LIBRARY_CORRUPT, "line %d of the history %s", lines.size() + 1, what).where(file)
                .next("restore history.jsonl from a backup; versions and the active pointer are untouched").exception();
    }

    List<HistoryLine> lines() {
        return List.copyOf(lines);
    }

    Map<String, Entry> versions() {
        return Collections.unmodifiableMap(versions);
    }

    /// What the last finished switch made active, or null before the first.
    Active active() {
        return active;
    }

    /// The switch that was begun and neither finished nor given up, or null.
    HistoryLine pending() {
        return pending;
    }

    /// Bytes up to the end of the last whole line.
    long wholeBytes() {
        return wholeBytes;
    }

    /// Hash that the next line must carry.
    String head() {
        return head;
    }
}
