// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.store.WriterLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Real processes: killed while they write, and racing for the lock.
class LibraryProcessTest {
    @TempDir
    Path directory;

    @Test
    void aKilledWriterLosesNothingItReported() throws Exception {
        SplittableRandom random = new SplittableRandom(11);
        for (int trial = 0; trial < 3; trial++) {
            Path home = Files.createDirectory(directory.resolve("trial-" + trial));
            Path output = home.resolve("output");
            Process writer = LibraryProcess.start(output, "publish", home.toString());
            while (Files.size(output) == 0 && writer.isAlive()) TimeUnit.MILLISECONDS.sleep(5);
            TimeUnit.MILLISECONDS.sleep(random.nextInt(20, 250));
            writer.destroyForcibly().waitFor();
            List<String> lines = Files.readAllLines(output);
            try (Library library = Library.open(home.resolve("library"))) {
                assertThat(library.list()).singleElement().satisfies(row -> assertThat(row.problem()).isNull());
                List<String> reported = lines.stream().filter(line -> line.startsWith("active "))
                        .map(line -> line.substring(7)).toList();
                assertThat(library.versions("spice")).extracting(ExpertVersion::version).containsAll(reported);
                Active active = library.active("spice").orElseThrow();
                assertThat(library.find("spice", active.version()).orElseThrow().state()).isEqualTo(State.PUBLISHED);
                assertThat(library.materialize("spice", active.version())).isDirectory();
                // At most the one switch that was under way is ahead of the last report.
                assertThat(active.generation()).isBetween((long) reported.size(), reported.size() + 1L);
            }
        }
    }

    @Test
    void twoProcessesWriteOneAfterTheOther() throws Exception {
        int each = 12;
        List<Process> writers = new ArrayList<>();
        for (String major : List.of("1", "2")) {
            writers.add(LibraryProcess.start(directory.resolve("output-" + major), "add", directory.toString(), major,
                    Integer.toString(each)));
        }
        for (Process writer : writers) assertThat(writer.waitFor()).isZero();
        for (String major : List.of("1", "2")) {
            assertThat(Files.readAllLines(directory.resolve("output-" + major))).hasSize(each);
        }
        Library library = Library.open(directory.resolve("library"));
        assertThat(library.versions("spice")).hasSize(2 * each);
        assertThat(library.history("spice")).hasSize(2 * each);
    }

    @Test
    void aLockHeldTooLongIsAnErrorThatMayPass() throws IOException {
        Path file = directory.resolve("lock");
        try (WriterLock _ = WriterLock.acquire(file, Duration.ofSeconds(1))) {
            assertThat(WriterLock.tryAcquire(file)).isEmpty();
            assertThatThrownBy(() -> WriterLock.acquire(file, Duration.ofMillis(20))).isInstanceOf(IOException.class)
                    .hasMessageContaining("another writer");
        }
        WriterLock.tryAcquire(file).orElseThrow().close();
    }

    @Test
    void threadsOfOneProcessRaceWithoutLosingAVersion() throws Exception {
        Library library = Library.open(directory.resolve("library"));
        List<Thread> threads = new ArrayList<>();
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        for (int t = 1; t <= 3; t++) {
            int major = t;
            threads.add(Thread.ofVirtual().start(() -> {
                try {
                    for (int i = 0; i < 6; i++) LibraryFixture.add(library, directory, "spice", major + ".0." + i);
                } catch (Throwable failed) {
                    failures.add(failed);
                }
            }));
        }
        for (Thread thread : threads) thread.join();
        assertThat(failures).isEmpty();
        assertThat(library.versions("spice")).hasSize(18);
    }
}
