// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryCrashTest {
    @TempDir
    Path root;

    private final TenantContext ann = TenantContext.of("lab");

    private static AppendBatch three(String text) {
        return AppendBatch.said(List.of(new AppendBatch.NewEpisode(Origin.USER, text + " one", null),
                new AppendBatch.NewEpisode(Origin.USER, text + " two", null), new AppendBatch.NewEpisode(Origin.USER, text + " three", null)));
    }

    /// Cut anywhere in the last record: the earlier batches are whole, the last is whole or absent, and writing goes on.
    @Test
    void aTornTailLosesExactlyTheUnfinishedBatch() throws IOException {
        Path log;
        long before;
        try (EmbeddedMemory memory = Memories.open(root)) {
            log = memory.directory("lab").resolve("memory.log");
            memory.append(ann, three("first"));
            before = Files.size(log);
            memory.append(ann, three("second"));
        }
        byte[] whole = Files.readAllBytes(log);
        for (int size = (int) before; size <= whole.length; size++) {
            Files.write(log, Arrays.copyOf(whole, size));
            try (EmbeddedMemory memory = Memories.open(root)) {
                assertThat(memory.stats(ann).readOnly()).isNull();
                assertThat(memory.stats(ann).episodes()).as("cut at %d", size).isEqualTo(size == whole.length ? 6 : 3);
                if (size % 40 == 0) {
                    memory.append(ann, three("third"));
                    assertThat(memory.stats(ann).episodes()).isEqualTo(6);
                }
            }
        }
    }

    @Test
    void aFlippedBitInTheMiddleIsQuarantinedNotSwallowed() throws IOException {
        Path directory;
        try (EmbeddedMemory memory = Memories.open(root)) {
            directory = memory.directory("lab");
            for (int i = 0; i < 4; i++) memory.append(ann, three("batch " + i));
        }
        Path log = directory.resolve("memory.log");
        byte[] whole = Files.readAllBytes(log);
        SplittableRandom random = new SplittableRandom(4);
        for (int round = 0; round < 40; round++) {
            byte[] damaged = whole.clone();
            damaged[16 + random.nextInt(whole.length * 3 / 4 - 16)] ^= (byte) (1 << random.nextInt(8));
            Files.write(log, damaged);
            try (EmbeddedMemory memory = Memories.open(root)) {
                MemoryStats stats = memory.stats(ann);
                assertThat(stats.readOnly()).contains("quarantine").contains("backup");
                assertThat(stats.episodes() % 3).as("no half batch").isZero();
                assertThat(stats.episodes()).isLessThan(12);
                assertThat(Files.readAllBytes(log)).as("left as it was").isEqualTo(damaged);
                assertThatThrownBy(() -> memory.append(ann, three("x"))).hasMessageContaining("memory_read_only");
                assertThatThrownBy(() -> memory.forget(ann, new ForgetSelector.Everything(), ForgetMode.HARD)).hasMessageContaining("memory_read_only");
            }
        }
        try (var copies = Files.list(directory.resolve("quarantine"))) {
            assertThat(copies.count()).isPositive();
        }
        Files.write(log, whole);
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.stats(ann).episodes()).as("restored").isEqualTo(12);
        }
    }

    @Test
    void aFileThatIsNoLogIsNotTouched() throws IOException {
        Path directory;
        try (EmbeddedMemory memory = Memories.open(root)) {
            directory = memory.directory("lab");
            memory.append(ann, three("a"));
        }
        Files.writeString(directory.resolve("memory.log"), "something else entirely");
        try (EmbeddedMemory memory = Memories.open(root)) {
            assertThat(memory.stats(ann).readOnly()).contains("not a log");
            assertThat(memory.recall(ann, RecallQuery.of("a one")).items()).isEmpty();
        }
        assertThat(Files.readString(directory.resolve("memory.log"))).isEqualTo("something else entirely");
    }

    /// A child process appends and prints each acknowledged id; it is killed at a random moment, several times over.
    @Test
    void whatWasAcknowledgedSurvivesKilling() throws Exception {
        SplittableRandom random = new SplittableRandom(7);
        Set<String> acknowledged = new HashSet<>();
        for (int round = 0; round < 4; round++) {
            Process child = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx128m", "--add-modules", "jdk.incubator.vector",
                    "-cp", System.getProperty("java.class.path"), Writer.class.getName(), root.toString())
                    .redirectError(ProcessBuilder.Redirect.DISCARD).start();
            int kill = 5 + random.nextInt(60);
            try (BufferedReader lines = new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
                for (int i = 0; i < kill; i++) {
                    String line = lines.readLine();
                    assertThat(line).as("the child runs").isNotNull();
                    acknowledged.add(line);
                }
                child.toHandle().destroyForcibly(); // SIGKILL, and what it printed before can still be read
                for (String line; (line = lines.readLine()) != null; ) if (line.length() == 26) acknowledged.add(line);
            }
            child.waitFor();
            List<String> found = new ArrayList<>();
            try (EmbeddedMemory memory = Memories.open(root)) {
                assertThat(memory.stats(ann).readOnly()).isNull();
                found.addAll(memory.memory(ann).state().episodes.keySet());
            }
            assertThat(found).containsAll(acknowledged);
        }
        assertThat(acknowledged.size()).isGreaterThan(20);
    }

    /// The child: appends until it is killed.
    static final class Writer {
        public static void main(String[] args) throws IOException {
            try (EmbeddedMemory memory = Memories.open(Path.of(args[0]))) {
                for (int i = 0; ; i++) {
                    String id = memory.append(TenantContext.of("lab"), AppendBatch.said(Origin.USER, "line " + i)).ids().getFirst();
                    System.out.println(id);
                }
            }
        }
    }
}
