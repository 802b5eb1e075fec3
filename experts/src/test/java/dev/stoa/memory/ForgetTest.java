// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ForgetTest {
    @TempDir
    Path root;

    private final TenantContext ann = TenantContext.of("lab").subject("ann");
    private final TenantContext bob = TenantContext.of("lab").subject("bob");

    private static boolean anyFileHolds(Path directory, String text) throws IOException {
        try (var files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(text)) return true;
            }
        }
        return false;
    }

    @Test
    void hardLeavesNothingAndSoftHidesAtOnce() throws IOException {
        List<String> canaries = new ArrayList<>();
        try (EmbeddedMemory memory = Memories.open(root)) {
            for (int i = 0; i < 200; i++) {
                String canary = "canary" + Integer.toHexString(i * 7919 + 100_003);
                canaries.add(canary);
                memory.append(ann.conversation("c" + i % 3), i % 2 == 0 ? Memories.fast("the color of box" + i + " is " + canary)
                        : AppendBatch.believed(new AppendBatch.NewFact(Origin.USER, "box" + i, "color", canary, true, null)));
            }
            memory.append(bob, AppendBatch.said(Origin.USER, "bob's note stays here"));
            byte[] other;
            try (EmbeddedMemory neighbor = Memories.open(root.resolve("n"))) {
                neighbor.append(ann, AppendBatch.said(Origin.USER, "another root"));
            }
            TenantContext foreign = TenantContext.of("other");
            memory.append(foreign, AppendBatch.said(Origin.USER, "foreign note"));
            other = Files.readAllBytes(memory.directory("other").resolve("memory.log"));

            ForgetCertificate soft = memory.forget(ann, new ForgetSelector.Conversation("c0"), ForgetMode.SOFT);
            assertThat(soft.episodes() + soft.facts()).isPositive();
            assertThat(soft.verified()).as("SOFT leaves bytes").isFalse();
            assertThat(memory.recall(ann, RecallQuery.of("the color of box0").gated(false).k(5)).items())
                    .noneMatch(item -> item.text().contains(canaries.get(0)));
            assertThat(anyFileHolds(root, canaries.get(0))).isTrue();

            ForgetCertificate hard = memory.forget(ann, new ForgetSelector.Subject("ann"), ForgetMode.HARD);
            assertThat(hard.verified()).isTrue();
            assertThat(hard.previousHash()).isNotEmpty();
            for (String canary : canaries) assertThat(anyFileHolds(memory.directory("lab"), canary)).as(canary).isFalse();
            for (int i = 0; i < 20; i++) {
                assertThat(memory.recall(ann, RecallQuery.of("the color of box" + i).gated(false).k(8)).items()).isEmpty();
            }
            assertThat(memory.facts(ann, FactQuery.of(null, null))).isEmpty();
            assertThat(memory.recall(bob, RecallQuery.of("which note of bob stays").gated(false)).items()).hasSize(1);
            assertThat(Files.readAllBytes(memory.directory("other").resolve("memory.log"))).isEqualTo(other);
            assertThat(Files.readString(memory.directory("lab").resolve("certificates.jsonl")).lines().count()).isEqualTo(2);
        }
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.stats(ann).episodes()).isEqualTo(1);
            assertThat(memory.stats(ann).facts()).isZero();
        }
    }

    /// What the scan is for: without the rewrite the text would still be there, and the scan sees it.
    @Test
    void theScanSeesWhatALogWithoutRewriteKeeps() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            String id = memory.append(ann, AppendBatch.said(Origin.USER, "a \"quoted\" secret text")).ids().getFirst();
            memory.forget(ann, new ForgetSelector.Ids(Set.of(id)), ForgetMode.SOFT);
            MemoryState state = memory.memory(ann).state();
            assertThat(FileScan.absent(memory.directory("lab"), Set.of(), List.of("a \"quoted\" secret text"), state)).isFalse();
            assertThat(FileScan.absent(memory.directory("lab"), Set.of(id), List.of(), state)).isFalse();
            assertThat(FileScan.absent(memory.directory("lab"), Set.of(), List.of("never written text"), state)).isTrue();
            memory.append(ann, AppendBatch.said(Origin.USER, "a \"quoted\" secret text"));
            assertThat(FileScan.absent(memory.directory("lab"), Set.of(), List.of("a \"quoted\" secret text"), state)).as("live again").isTrue();
        }
    }

    @Test
    void factsGoWithTheirLastSource() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            String first = memory.append(ann, AppendBatch.said(Origin.USER, "tomok board is luvo")).ids().getFirst();
            String again = memory.append(ann, AppendBatch.said(Origin.USER, "the board of tomok is luvo")).ids().getFirst();
            memory.forget(ann, new ForgetSelector.Ids(Set.of(first)), ForgetMode.HARD);
            assertThat(memory.facts(ann, FactQuery.of("tomok", "board"))).hasSize(1);
            ForgetCertificate last = memory.forget(ann, new ForgetSelector.Ids(Set.of(again)), ForgetMode.HARD);
            assertThat(last.facts()).isEqualTo(1);
            assertThat(memory.facts(ann, FactQuery.of("tomok", "board"))).isEmpty();
            assertThat(anyFileHolds(root, "luvo")).isFalse();
        }
    }

    @Test
    void aCrashBeforeTheRewriteIsFinishedAtTheNextOpen() throws IOException {
        Path directory;
        String id;
        try (EmbeddedMemory memory = Memories.open(root)) {
            id = memory.append(ann, AppendBatch.said(Origin.USER, "a secret to be gone")).ids().getFirst();
            directory = memory.directory("lab");
        }
        // The state of the disk after the forget record was forced and before the log was rewritten.
        try (MemoryLog log = MemoryLog.open(directory, entry -> {})) {
            log.flush(log.enqueue(LogEntry.forget(9, List.of(id), ForgetMode.HARD)));
        }
        Files.writeString(directory.resolve(".memory.log.part-1"), "a secret to be gone");
        assertThat(anyFileHolds(directory, "a secret to be gone")).isTrue();
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.stats(ann).episodes()).isZero();
            assertThat(anyFileHolds(directory, "a secret to be gone")).isFalse();
        }
    }

    @Test
    void noSearchReturnsAnIdAfterForgetReturned() throws Exception {
        try (EmbeddedMemory memory = Memories.open(root); var pool = Executors.newFixedThreadPool(2)) {
            Set<String> forgotten = ConcurrentHashMap.newKeySet();
            AtomicBoolean stop = new AtomicBoolean();
            var reader = pool.submit(() -> {
                int searches = 0;
                while (!stop.get()) {
                    Set<String> before = new HashSet<>(forgotten);
                    for (RecallResult.Item item : memory.recall(ann, RecallQuery.of("the color of the box").gated(false).k(20)).items()) {
                        assertThat(before).doesNotContain(item.id());
                    }
                    searches++;
                }
                return searches;
            });
            for (int i = 0; i < 60; i++) {
                String id = memory.append(ann, AppendBatch.said(Origin.USER, "the color of the box number " + i)).ids().getFirst();
                if (i % 2 == 0) {
                    memory.forget(ann, new ForgetSelector.Ids(Set.of(id)), i % 4 == 0 ? ForgetMode.HARD : ForgetMode.SOFT);
                    forgotten.add(id);
                }
            }
            stop.set(true);
            assertThat(reader.get()).isPositive();
            assertThat(memory.stats(ann).episodes()).isEqualTo(30);
        }
    }

    @Test
    void forgettingWhatIsNotThereIsCertifiedAsNothing() throws IOException {
        try (EmbeddedMemory memory = Memories.open(root)) {
            ForgetCertificate nothing = memory.forget(ann, new ForgetSelector.Ids(Set.of("absent")), ForgetMode.HARD);
            assertThat(nothing.episodes() + nothing.facts()).isZero();
            assertThat(nothing.verified()).isTrue();
        }
    }
}
