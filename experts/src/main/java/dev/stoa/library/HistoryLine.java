// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Instant;
import java.util.List;
import java.util.Locale;

/// One line of `history.jsonl`. `prev` is the SHA-256 of the previous line's bytes, so the past cannot be edited
/// without breaking every later line. Fields that an event does not use are null.
public record HistoryLine(
        long seq, String at, Event event, String version, String manifest, State state, String from, State fromState,
        Long generation, String reason, List<Evidence> evidence, String prev) {
    /// What happened.
    public enum Event {
        /// A version entered the library: `version`, `manifest`, `state`.
        ADDED,
        /// A version changed its state: `version`, `state`, `evidence`.
        MOVED,
        /// A switch begins: `version` (null = withdraw), `manifest`, `generation`, and what `from` becomes.
        INTENT,
        /// The switch of `generation` is done.
        COMMIT,
        /// The switch of `generation` did not happen.
        ABORT,
        /// A version was found without its history after damage: `version`, `manifest`, `state`, `generation`.
        RECOVERED;

        @JsonValue
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }

        @JsonCreator
        static Event ofId(String id) {
            for (Event event : values()) {
                if (event.id().equals(id)) return event;
            }
            throw new IllegalArgumentException("unknown event " + id);
        }
    }

    public HistoryLine {
        evidence = evidence == null ? List.of() : List.copyOf(evidence);
        if (event == null) throw new IllegalArgumentException("a history line needs an event");
    }

    static HistoryLine added(String version, String manifest, State state) {
        return line(Event.ADDED, version, manifest, state, null, null, null, null, List.of());
    }

    static HistoryLine moved(String version, State state, String reason, List<Evidence> evidence) {
        return line(Event.MOVED, version, null, state, null, null, null, reason, evidence);
    }

    static HistoryLine intent(Active to, String from, State fromState, String reason, List<Evidence> evidence) {
        return line(Event.INTENT, to.version(), to.manifest(), null, from, fromState, to.generation(), reason,
                evidence);
    }

    static HistoryLine closed(Event event, long generation) {
        return line(event, null, null, null, null, null, generation, null, List.of());
    }

    static HistoryLine recovered(String version, String manifest, State state, Long generation) {
        return line(Event.RECOVERED, version, manifest, state, null, null, generation, "history was damaged",
                List.of());
    }

    private static HistoryLine line(Event event, String version, String manifest, State state, String from,
            State fromState, Long generation, String reason, List<Evidence> evidence) {
        return new HistoryLine(0, null, event, version, manifest, state, from, fromState, generation, reason, evidence,
                null);
    }

    HistoryLine chained(long number, String previousHash) {
        return new HistoryLine(number, Instant.now().toString(), event, version, manifest, state, from, fromState,
                generation, reason, evidence, previousHash);
    }
}
