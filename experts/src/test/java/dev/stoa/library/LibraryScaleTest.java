// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.store.CrashingDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// How long 1,500 experts take. Prints the times; only the counts are asserted.
class LibraryScaleTest {
    @TempDir
    Path directory;

    @Test
    void thirtyExpertsAreListedWithOrWithoutTheIndex() throws IOException {
        measure(30);
    }

    @Test
    @Tag("slow")
    void fifteenHundredExperts() throws IOException {
        measure(1500);
    }

    private void measure(int count) throws IOException {
        Path root = directory.resolve("library");
        try (Library library = Library.open(root,
                new CrashingDisk(Long.MAX_VALUE, 0))) { // no forces: this is not a fsync benchmark
            Path files = LibraryFixture.adapter(directory, "all");
            for (int i = 0; i < count; i++) {
                String name = "expert-" + i;
                library.add(LibraryFixture.manifest(name, "1.0.0"), files, LibraryFixture.facts(name));
                library.move(name, "1.0.0", State.GATING, "gate", List.of());
                library.publish(name, "1.0.0", List.of(LibraryFixture.passed("uplift", .5)));
            }
        }
        for (int round = 0; round < 3; round++) {
            long start = System.nanoTime();
            Library library = Library.open(root);
            long opened = System.nanoTime();
            assertThat(library.list()).hasSize(count);
            long listed = System.nanoTime();
            assertThat(library.actives()).hasSize(count);
            long actives = System.nanoTime();
            System.out.printf("library of %d experts: open %.1f ms, ls %.1f ms, active versions %.1f ms, generation %.3f ms%n",
                    count, (opened - start) / 1e6, (listed - opened) / 1e6, (actives - listed) / 1e6,
                    generation(library));
        }
        java.nio.file.Files.delete(root.resolve("index.json"));
        long start = System.nanoTime();
        Library library = Library.open(root);
        long opened = System.nanoTime();
        assertThat(library.list()).hasSize(count);
        System.out.printf("library of %d experts, no index: open %.1f ms, ls %.1f ms%n", count, (opened - start) / 1e6,
                (System.nanoTime() - opened) / 1e6);
    }

    private static double generation(Library library) throws IOException {
        long start = System.nanoTime();
        for (int i = 0; i < 100; i++) library.generation();
        return (System.nanoTime() - start) / 1e8;
    }
}
