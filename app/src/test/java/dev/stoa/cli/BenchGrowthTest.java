// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.generate.Engine;
import dev.stoa.generate.Event;
import dev.stoa.generate.LoadConfig;
import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Memory is flat while answers grow, and whoever holds something per token is found.
class BenchGrowthTest {
    @TempDir
    Path folder;

    private List<String> problems(BiConsumer<Engine, Event> sink) throws IOException {
        LoadConfig config = LoadConfig.of(TinyDirectory.write(folder.resolve("tiny"))).withKernels("auto", 1);
        return GrowthRun.problems(List.of(GrowthRun.measure(config, 16, false, sink), GrowthRun.measure(config, 200, false, sink)));
    }

    @Test
    void nativeMemoryIsFlatAndAllReturned() throws IOException {
        assertThat(problems((engine, event) -> {})).noneMatch(problem -> problem.contains("held") || problem.contains("beside"));
    }

    @Test
    void aLeakOf64BytesPerTokenIsFound() throws IOException {
        assertThat(problems((engine, event) -> {
            if (event instanceof Event.Token) engine.ledger().scope("leak").allocate(64);
        })).anyMatch(problem -> problem.contains("still held")).anyMatch(problem -> problem.contains("beside the planned caches"));
    }

    @Test
    void eachBoundIsChecked() {
        GrowthRun first = new GrowthRun(128, 1_000_000, 100_000, 900_000, 0, 5_000_000, 100, 50, "a");
        assertThat(GrowthRun.problems(List.of(first, new GrowthRun(512, 1_300_000, 400_000, 900_000, 0, 5_900_000, 1000, 50, "b")))).isEmpty();
        assertThat(GrowthRun.problems(List.of(first, new GrowthRun(512, 1_314_000, 400_000, 900_000, 0, 5_000_000, 100, 50, "b"))))
                .singleElement().asString().contains("beside the planned caches");
        assertThat(GrowthRun.problems(List.of(first, new GrowthRun(512, 1_300_000, 400_000, 900_000, 1, 5_000_000, 100, 50, "b"))))
                .singleElement().asString().contains("still held");
        assertThat(GrowthRun.problems(List.of(first, new GrowthRun(512, 1_300_000, 400_000, 900_000, 0, 6_100_000, 100, 50, "b"))))
                .singleElement().asString().contains("the heap holds");
        assertThat(GrowthRun.problems(List.of(first, new GrowthRun(512, 1_300_000, 400_000, 900_000, 0, 5_000_000, 4200, 50, "b"))))
                .singleElement().asString().contains("allocated per token");
    }
}
