// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryStoreTest {
    @TempDir
    Path root;

    private final TenantContext ann = TenantContext.of("lab").subject("ann");

    @Test
    void readsItsOwnWritesAndKeepsThemOverARestart() throws IOException {
        AppendAck ack;
        try (EmbeddedMemory memory = Memories.open(root)) {
            ack = memory.append(ann, AppendBatch.said(Origin.USER, "My sister's birthday is in May, she likes hiking."));
            memory.append(ann, AppendBatch.said(Origin.USER, "Our staging server runs on port 8443."));
            assertThat(best(memory, ann, "When is my sister's birthday?")).isEqualTo(ack.ids().getFirst());
        }
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(best(memory, ann, "When is my sister's birthday?")).isEqualTo(ack.ids().getFirst());
            assertThat(memory.stats(ann).episodes()).isEqualTo(2);
            assertThat(memory.recall(ann, RecallQuery.of("Explain how a transistor works.")).gated()).isTrue();
        }
    }

    private static String best(EmbeddedMemory memory, TenantContext who, String question) {
        RecallResult result = memory.recall(who, RecallQuery.of(question));
        return result.items().isEmpty() ? null : result.items().getFirst().id();
    }

    @Test
    void tenantsAndPeopleNeverSeeEachOther() throws Exception {
        try (EmbeddedMemory memory = Memories.open(root)) {
            List<Callable<Void>> work = new ArrayList<>();
            for (int t = 0; t < 8; t++) {
                TenantContext who = TenantContext.of("tenant" + t).subject("p" + t % 2);
                int number = t;
                work.add(() -> {
                    SplittableRandom random = new SplittableRandom(number);
                    Set<String> own = new HashSet<>();
                    for (int i = 0; i < 60; i++) {
                        own.addAll(memory.append(who, Memories.fast("the secret color of box" + random.nextInt(9) + " is w" + number + "x" + i)).ids());
                        RecallResult found = memory.recall(who, RecallQuery.of("what is the color of box" + random.nextInt(9)).gated(false).k(5));
                        for (RecallResult.Item item : found.items()) {
                            assertThat(own).contains(item.id());
                            assertThat(item.text()).contains("w" + number + "x");
                        }
                    }
                    return null;
                });
            }
            try (var pool = Executors.newFixedThreadPool(8)) {
                for (var done : pool.invokeAll(work)) done.get();
            }
            TenantContext first = TenantContext.of("tenant0");
            RecallQuery anything = RecallQuery.of("the secret color of box1").gated(false);
            assertThat(memory.recall(first.subject("p0"), anything).items()).isNotEmpty();
            assertThat(memory.recall(first.subject("p1"), anything).items()).isEmpty();
            assertThat(memory.recall(first, anything).items()).as("nobody in particular sees nobody's").isEmpty();
            assertThat(memory.facts(first.subject("p1"), FactQuery.of(null, null))).isEmpty();
        }
        try (var files = Files.list(root)) {
            assertThat(files.map(path -> path.getFileName().toString())).allMatch(name -> name.matches("[0-9a-f]{32}"));
        }
    }

    @Test
    void theLatestStatementComesFirstAndTheOldOneIsMarked() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            String old = memory.append(ann, AppendBatch.said(Origin.USER, "tomok board is luvo")).ids().getFirst();
            String other = memory.append(ann, AppendBatch.said(Origin.USER, "lupan board is sani")).ids().getFirst();
            String now = memory.append(ann, AppendBatch.said(Origin.USER, "the board of tomok changed to nala")).ids().getFirst();
            List<RecallResult.Item> items = memory.recall(ann, RecallQuery.of("about tomok and its circuit").k(5)).items();
            assertThat(items.getFirst().id()).isEqualTo(now);
            assertThat(items.getLast().id()).isEqualTo(old);
            assertThat(items.getLast().conflict()).isEqualTo(now);
            Instant then = memory.recall(ann, RecallQuery.of("about lupan and its circuit")).items().getFirst().at();
            RecallQuery past = RecallQuery.of("about tomok and its circuit").k(5).asOf(then);
            assertThat(memory.recall(ann, past).items().getFirst().id()).as("as of then").isEqualTo(old);
            assertThat(memory.facts(ann, FactQuery.of("tomok", "board"))).extracting(Fact::object).containsExactly("nala");
            memory.append(ann, AppendBatch.said(Origin.USER, "forget the board of tomok"));
            RecallResult withdrawn = memory.recall(ann, RecallQuery.of("about tomok and its circuit").k(5).gated(false));
            assertThat(withdrawn.items()).extracting(RecallResult.Item::id).containsExactly(other);
            assertThat(memory.recall(ann, RecallQuery.of("about tomok and its circuit").k(5)).items()).isEmpty();
        }
    }

    @Test
    void aStatementBeatsAnEarlierQuestion() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            String said = memory.append(ann, AppendBatch.said(Origin.USER, "I am allergic to peanuts.")).ids().getFirst();
            memory.append(ann, AppendBatch.said(Origin.USER, "What is it that I am allergic to?"));
            assertThat(best(memory, ann, "What am I allergic to?")).isEqualTo(said);
        }
    }

    @Test
    void toolsCannotOverwriteWhatAPersonSaid() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            String said = memory.append(ann, AppendBatch.said(Origin.USER, "tomok board is luvo")).ids().getFirst();
            for (int i = 0; i < 100; i++) memory.append(ann, new AppendBatch(
                    List.of(new AppendBatch.NewEpisode(Origin.TOOL, "tomok board is evil" + i % 3, null)), List.of(), null, AppendBatch.Durability.FAST));
            assertThat(best(memory, ann, "about tomok and its circuit")).isEqualTo(said);
            assertThat(memory.facts(ann, FactQuery.of("tomok", "board"))).extracting(Fact::object).containsExactly("luvo");
        }
    }

    @Test
    void explicitFactsAreRecalledAndReplaced() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            memory.append(ann, AppendBatch.believed(new AppendBatch.NewFact(Origin.USER, "Alice", "works_at", "Initech", true, null)));
            String now = memory.append(ann, AppendBatch.believed(new AppendBatch.NewFact(Origin.USER, "Alice", "works_at", "Acme", true, null))).ids().getFirst();
            RecallResult found = memory.recall(ann, RecallQuery.of("where does alice work, works_at").k(5));
            assertThat(found.items()).extracting(RecallResult.Item::id).containsExactly(now);
            assertThat(found.items().getFirst().text()).isEqualTo("Alice works_at Acme");
        }
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.facts(ann, FactQuery.of("alice", null))).extracting(Fact::object).containsExactly("Acme");
        }
    }

    @Test
    void aRepeatedBatchIsTheFirstOne() throws IOException {
        AppendBatch batch = new AppendBatch(List.of(new AppendBatch.NewEpisode(Origin.USER, "once", null)), List.of(), "key-1", null);
        AppendAck first;
        try (EmbeddedMemory memory = Memories.open(root)) {
            first = memory.append(ann, batch);
            assertThat(memory.append(ann, batch).ids()).isEqualTo(first.ids());
        }
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.append(ann, batch).ids()).isEqualTo(first.ids());
            assertThat(memory.stats(ann).episodes()).isEqualTo(1);
            memory.forget(ann, new ForgetSelector.Everything(), ForgetMode.HARD);
            assertThat(memory.append(ann, batch).ids()).as("a forgotten batch is not remembered as done").isNotEqualTo(first.ids());
        }
    }

    @Test
    void concurrentWritersLoseNothing() throws Exception {
        Set<String> acked = Collections.synchronizedSet(new HashSet<>());
        try (EmbeddedMemory memory = Memories.open(root); var pool = Executors.newFixedThreadPool(8)) {
            List<Callable<Void>> writers = new ArrayList<>();
            for (int w = 0; w < 8; w++) {
                int writer = w;
                writers.add(() -> {
                    for (int i = 0; i < 25; i++) acked.addAll(memory.append(ann, i % 2 == 0
                            ? AppendBatch.said(Origin.USER, "note " + writer + " " + i) : Memories.fast("note " + writer + " " + i)).ids());
                    return null;
                });
            }
            for (var done : pool.invokeAll(writers)) done.get();
        }
        assertThat(acked).hasSize(200);
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.stats(ann).episodes()).isEqualTo(200);
        }
    }

    @Test
    void badBatchesAreRefusedWithEveryReason() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            AppendBatch bad = new AppendBatch(List.of(new AppendBatch.NewEpisode(Origin.USER, "a\u0000b", null),
                    new AppendBatch.NewEpisode(null, "x\ud800y", null), new AppendBatch.NewEpisode(Origin.USER, " ", null),
                    new AppendBatch.NewEpisode(Origin.USER, "z".repeat(70_000), null)), List.of(), null, null);
            assertThatThrownBy(() -> memory.append(ann, bad)).isInstanceOf(FaultException.class).hasMessageContaining("invalid_record")
                    .hasMessageContaining("NUL at 1").hasMessageContaining("lone surrogate at 1").hasMessageContaining("episode 2 has no text")
                    .hasMessageContaining("70000 bytes").hasMessageContaining("has no origin");
            assertThatThrownBy(() -> memory.append(ann, new AppendBatch(List.of(), List.of(), null, null))).hasMessageContaining("empty");
            AppendBatch.NewEpisode[] many = new AppendBatch.NewEpisode[257];
            Arrays.fill(many, new AppendBatch.NewEpisode(Origin.USER, "x", null));
            assertThatThrownBy(() -> memory.append(ann, AppendBatch.said(List.of(many)))).hasMessageContaining("257 records");
            assertThat(memory.stats(ann).episodes()).isZero();
            String emoji = "fine \ud83d\ude00";
            memory.append(ann, AppendBatch.said(Origin.USER, emoji));
            assertThat(memory.recall(ann, RecallQuery.of("is it fine").gated(false)).items().getFirst().text()).isEqualTo(emoji);
        }
        assertThatThrownBy(() -> TenantContext.of(" ")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> RecallQuery.of("x").k(0)).isInstanceOf(FaultException.class);
    }

    @Test
    void theLargestBatchFitsAndReplays() throws IOException {
        AppendBatch.NewEpisode[] many = new AppendBatch.NewEpisode[32];
        Arrays.fill(many, new AppendBatch.NewEpisode(Origin.USER, "\u0001".repeat(65_000), null));
        try (EmbeddedMemory memory = Memories.open(root)) {
            memory.append(ann, AppendBatch.said(List.of(many)));
        }
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.stats(ann).episodes()).isEqualTo(32);
        }
    }

    @Test
    void aSecondProcessIsRefusedAndRecallDegrades() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root); EmbeddedMemory second = Memories.open(root)) {
            memory.append(ann, AppendBatch.said(Origin.USER, "hello"));
            assertThatThrownBy(() -> second.append(ann, AppendBatch.said(Origin.USER, "x"))).hasMessageContaining("memory_locked");
            RecallResult result = second.recall(ann, RecallQuery.of("hello there"));
            assertThat(result.items()).isEmpty();
            assertThat(result.degraded()).containsExactly("memory");
        }
    }

    @Test
    void aGateOfAnotherEmbedderStaysClosed() throws IOException {
        EmbeddedMemory.Settings settings = EmbeddedMemory.Settings.of(Memories.EMBEDDER, PredicateTable.EMPTY, RelevanceGate.hashed("other"));
        try (EmbeddedMemory memory = EmbeddedMemory.open(root, settings)) {
            memory.append(ann, AppendBatch.said(Origin.USER, "I am allergic to peanuts."));
            RecallResult result = memory.recall(ann, RecallQuery.of("What am I allergic to?"));
            assertThat(result.items()).isEmpty();
            assertThat(result.degraded()).singleElement().asString().contains("another embedder");
        }
    }
}
