// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;
import java.util.List;

/// What to remember, all of it or nothing. A batch with an `idempotencyKey` (may be null) that was seen before
/// returns the first acknowledgment and writes nothing.
public record AppendBatch(
        List<NewEpisode> episodes, List<NewFact> facts, String idempotencyKey, Durability durability) {
    public static final int LIMIT = 256;

    /// DURABLE: acknowledged after the bytes were forced to the device. FAST: before; a crash may lose the last moments.
    public enum Durability { DURABLE, FAST }

    /// Something said. `at` null means now.
    public record NewEpisode(Origin origin, String text, Instant at) {}

    /// Something believed, true in the world from `validFrom` (null means now). For a `functional` predicate a subject
    /// has one object at a time. `object` null withdraws what was believed.
    public record NewFact(
            Origin origin, String subject, String predicate, String object, boolean functional, Instant validFrom) {}

    public AppendBatch {
        episodes = List.copyOf(episodes);
        facts = List.copyOf(facts);
        if (durability == null) durability = Durability.DURABLE;
    }

    public static AppendBatch said(Origin origin, String text) {
        return new AppendBatch(List.of(new NewEpisode(origin, text, null)), List.of(), null, Durability.DURABLE);
    }

    public static AppendBatch said(List<NewEpisode> episodes) {
        return new AppendBatch(episodes, List.of(), null, Durability.DURABLE);
    }

    public static AppendBatch believed(NewFact... facts) {
        return new AppendBatch(List.of(), List.of(facts), null, Durability.DURABLE);
    }
}
