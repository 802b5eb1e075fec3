// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import static dev.stoa.library.LibraryFixture.add;
import static dev.stoa.library.LibraryFixture.passed;
import static dev.stoa.library.LibraryFixture.release;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.store.CrashingDisk;
import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Stops the machine at every step of every write, also during the repair after an earlier stop, and cuts every file.
class LibraryCrashTest {
    private static final long NEVER = Long.MAX_VALUE;

    @TempDir
    Path directory;

    /// What the library has promised so far: a call that returned is kept for ever.
    private static final class Promises {
        final List<String> versions = new ArrayList<>();
        final Map<String, State> states = new HashMap<>();
        final Map<String, State> attemptedStates = new HashMap<>();
        String active;
        String attempted;
        long generation;

        void attempt(String version, Map<String, State> next) {
            attempted = version;
            attemptedStates.clear();
            attemptedStates.putAll(next);
        }

        void kept(Active now) {
            active = now.version();
            generation = now.generation();
            states.putAll(attemptedStates);
        }
    }

    /// A life with every kind of write.
    private void live(Path root, Disk disk, Promises promised) throws IOException {
        Library library = Library.open(root, disk);
        for (String version : List.of("1.0.0", "1.1.0", "1.2.0")) {
            add(library, directory, "spice", version);
            promised.versions.add(version);
            promised.attempt(promised.active, Map.of(version, State.GATING));
            library.move("spice", version, State.GATING, "gate", List.of());
            promised.states.put(version, State.GATING);
            Map<String, State> next = new HashMap<>(Map.of(version, State.PUBLISHED));
            if (promised.active != null) next.put(promised.active, State.SUPERSEDED);
            promised.attempt(version, next);
            promised.kept(library.publish("spice", version, List.of(passed("gate", null))));
            library.materialize("spice", version);
        }
        promised.attempt("1.1.0", Map.of("1.1.0", State.PUBLISHED, "1.2.0", State.REJECTED));
        promised.kept(library.rollback("spice", Optional.empty(), List.of(LibraryFixture.failed("gate", 1))));
        promised.attempt(null, Map.of("1.1.0", State.REVOKED));
        library.withdraw("spice", State.REVOKED, "leaked", List.of());
        promised.kept(new Active(null, null, promised.generation + 1));
        library.close();
    }

    private void keepsItsPromises(Path root, Promises promised, String when) throws IOException {
        Library library = Library.open(root, new CrashingDisk(NEVER, 0));
        for (ExpertRow row : library.list()) assertThat(row.problem()).as(when).isNull();
        for (String version : promised.versions) {
            assertThat(library.find("spice", version)).as("%s: %s", when, version).isPresent();
        }
        Optional<Active> active = library.active("spice");
        assertThat(active.map(Active::version).orElse(null)).as(when).isIn(promised.active, promised.attempted);
        if (active.isPresent()) {
            assertThat(active.get().generation()).as(when).isGreaterThanOrEqualTo(promised.generation);
            assertThat(library.materialize("spice", active.get().version()).resolve("adapter_model.safetensors"))
                    .as(when)
                    .hasContent("factors of " + active.get().version());
        }
        List<String> published = library.versions("spice").stream().filter(v -> v.state() == State.PUBLISHED)
                .map(ExpertVersion::version).toList();
        assertThat(published).as(when).isEqualTo(active.map(a -> List.of(a.version())).orElse(List.of()));
        promised.states.forEach((version, state) -> assertThat(stateOf(library, version)).as("%s: %s", when, version)
                .isIn(state, promised.attemptedStates.getOrDefault(version, state)));
        long before = library.generation();
        assertThat(release(library, directory, "spice", "2.0.0").version()).as(when).isEqualTo("2.0.0");
        assertThat(library.generation()).as(when).isGreaterThan(before);
        assertThat(Library.open(root, new CrashingDisk(NEVER, 0)).active("spice").orElseThrow().version()).as(when)
                .isEqualTo("2.0.0");
    }

    private static State stateOf(Library library, String version) {
        try {
            return library.find("spice", version).orElseThrow().state();
        } catch (IOException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private Path fresh(String name) throws IOException {
        return Files.createDirectories(directory.resolve(name));
    }

    private long lifeLength() throws IOException {
        CrashingDisk disk = new CrashingDisk(NEVER, 0);
        live(fresh("whole"), disk, new Promises());
        return disk.steps();
    }

    @Test
    void aStopAtASeventhOfTheStepsLosesNothingThatWasPromised() throws IOException {
        long steps = lifeLength();
        assertThat(steps).isGreaterThan(150);
        stopAt(steps, 2, 7);
    }

    @Test
    @Tag("slow")
    void aStopAtEveryStepLosesNothingThatWasPromised() throws IOException {
        stopAt(lifeLength(), 1, 1);
    }

    private void stopAt(long steps, long first, long stride) throws IOException {
        for (long at = first; at <= steps; at += stride) {
            Path root = fresh("crash-" + at);
            Promises promised = new Promises();
            CrashingDisk disk = new CrashingDisk(at, at);
            assertThatThrownBy(() -> live(root, disk, promised)).isInstanceOf(CrashingDisk.Crash.class);
            keepsItsPromises(root, promised, "stopped at step " + at);
        }
    }

    @Test
    void aStopDuringTheRepairLosesNothingEither() throws IOException {
        stopTwice(8);
    }

    @Test
    @Tag("slow")
    void manyStopsDuringTheRepairLoseNothing() throws IOException {
        stopTwice(300);
    }

    private void stopTwice(int trials) throws IOException {
        long steps = lifeLength();
        SplittableRandom random = new SplittableRandom(2);
        for (int trial = 0; trial < trials; trial++) {
            long first = 1 + random.nextLong(steps);
            Path root = fresh("twice-" + trial);
            Promises promised = new Promises();
            assertThatThrownBy(() -> live(root, new CrashingDisk(first, random.nextLong()), promised))
                    .isInstanceOf(CrashingDisk.Crash.class);
            for (int again = 0; again < 3; again++) {
                try {
                    Library.open(root, new CrashingDisk(1 + random.nextLong(12), random.nextLong()));
                } catch (CrashingDisk.Crash stopped) {
                    // and once more
                }
            }
            keepsItsPromises(root, promised, "trial " + trial + ", first stop at " + first);
        }
    }

    /// Mutant: a disk that reports appended lines as durable when they are not must be found out by the same checks.
    @Test
    void aDiskThatDoesNotForceAppendsIsFoundOut() throws IOException {
        long steps = lifeLength();
        int broken = 0;
        for (long at = 1; at <= steps; at += 23) {
            Path root = fresh("mutant-" + at);
            Promises promised = new Promises();
            try {
                live(root, new CrashingDisk(at, at, false), promised);
            } catch (CrashingDisk.Crash stopped) {
                try {
                    keepsItsPromises(root, promised, "mutant");
                } catch (AssertionError | RuntimeException caught) {
                    broken++;
                }
            }
        }
        assertThat(broken).isPositive();
    }

    @Test
    void everyFileCutAnywhereStillOpensWithEveryVersionAndAValidPointer() throws IOException {
        Path whole = fresh("original");
        Promises promised = new Promises();
        Library library = Library.open(whole, new CrashingDisk(NEVER, 0));
        for (String version : List.of("1.0.0", "1.1.0")) {
            promised.versions.add(version);
            promised.attempt(version, Map.of());
            promised.kept(release(library, directory, "spice", version));
        }
        add(library, directory, "spice", "1.2.0");
        library.close();
        promised.versions.add("1.2.0");
        SplittableRandom random = new SplittableRandom(3);
        int trial = 0;
        for (String file : List.of("experts/spice/history.jsonl", "experts/spice/active.json", "index.json",
                "generation",
                "experts/spice/versions/1.0.0.json", "experts/spice/versions/1.1.0.json")) {
            byte[] content = Files.readAllBytes(whole.resolve(file));
            for (int cut = 0; cut < 3; cut++) {
                Path root = directory.resolve("cut-" + trial++);
                copy(whole, root);
                int length = cut == 0 ? 0 : random.nextInt(content.length);
                Files.write(root.resolve(file), Arrays.copyOf(content, length));
                keepsItsPromises(root, promised, file + " cut to " + length);
            }
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (Path file : files.toList()) Files.copy(file, to.resolve(from.relativize(file).toString()));
        }
    }
}
