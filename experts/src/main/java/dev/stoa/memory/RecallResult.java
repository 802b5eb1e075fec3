// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;
import java.util.List;

/// What was found, most relevant first. Empty and `gated` when the best candidate was too unlikely to help:
/// `pRelevant` says how likely. `degraded` names what did not work; recall itself never fails a request.
public record RecallResult(List<Item> items, double pRelevant, boolean gated, long micros, List<String> degraded) {
    /// An episode's or a fact's text. `conflict` names an item (by id) this one disagrees with, or is null.
    public record Item(
            String id, Kind kind, String text, Instant at, Origin origin, double score, double cosine, double bm25,
            String conflict) {}

    public enum Kind { EPISODE, FACT }

    public RecallResult {
        items = List.copyOf(items);
        degraded = List.copyOf(degraded);
    }
}
