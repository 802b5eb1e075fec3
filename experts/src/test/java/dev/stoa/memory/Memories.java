// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.eval.world.DialogueGen;
import dev.stoa.route.feature.HashedFeatures;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/// Stores for tests: hashed embedder, the dialogue rules, a clock that ticks one second a reading.
final class Memories {
    static final HashedFeatures EMBEDDER = new HashedFeatures();
    static final RelevanceGate GATE = RelevanceGate.hashed(EMBEDDER.hash());

    private static final Instant START = Instant.parse("2026-02-01T00:00:00Z");
    private static final AtomicLong TURN = new AtomicLong();
    private static final InstantSource CLOCK = new Ticking();

    private Memories() {}

    static EmbeddedMemory open(Path root) throws IOException {
        return open(root, Dialogues.rules());
    }

    static EmbeddedMemory open(Path root, PredicateTable rules) throws IOException {
        return EmbeddedMemory.open(root, new EmbeddedMemory.Settings(EMBEDDER, rules, GATE, CLOCK));
    }

    static AppendBatch fast(String text) {
        return new AppendBatch(List.of(new AppendBatch.NewEpisode(Origin.USER, text, null)), List.of(), null,
                AppendBatch.Durability.FAST);
    }

    /// A whole conversation, 64 turns a batch; returns the ids of the turns.
    static List<String> remember(EmbeddedMemory memory, TenantContext tenant, List<DialogueGen.Turn> turns) throws IOException {
        List<String> ids = new ArrayList<>();
        for (int from = 0; from < turns.size(); from += 64) {
            List<AppendBatch.NewEpisode> batch = turns.subList(from, Math.min(turns.size(), from + 64)).stream()
                    .map(turn -> new AppendBatch.NewEpisode(
                            turn.role().equals("user") ? Origin.USER : Origin.ASSISTANT, turn.text(), START.plusSeconds(TURN.incrementAndGet()))).toList();
            ids.addAll(memory.append(tenant, AppendBatch.said(batch)).ids());
        }
        return ids;
    }

    /// Starts at a fixed instant; every reading is a second later.
    static final class Ticking implements InstantSource {
        private Instant now = Instant.parse("2026-03-01T00:00:00Z");

        @Override
        public synchronized Instant instant() {
            now = now.plusSeconds(1);
            return now;
        }
    }
}
