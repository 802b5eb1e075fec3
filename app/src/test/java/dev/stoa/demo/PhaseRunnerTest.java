// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A finished phase is not run again; anything it depends on that changed makes it run again.
class PhaseRunnerTest {
    private final List<String> log = new ArrayList<>();
    private final DemoProgress progress = new DemoProgress() {
        @Override
        public void phaseStarted(String title, int budgetSeconds) {
            log.add("run " + title);
        }

        @Override
        public void step(String words, long done, long total) {}

        @Override
        public void phaseFinished(String title, double seconds, boolean slow) {}

        @Override
        public void phaseReused(String title, double seconds) {
            log.add("reuse " + title);
        }

        @Override
        public void note(String line) {
            log.add("note");
        }
    };

    @TempDir
    Path out;

    record Number(int value) {}

    private record Count(String name, int value, boolean there) implements Phase<Number> {
        @Override
        public String title() {
            return name;
        }

        @Override
        public int budgetSeconds() {
            return 1;
        }

        @Override
        public Class<Number> resultType() {
            return Number.class;
        }

        @Override
        public Number run(Workbench bench) {
            if (value < 0) throw new IllegalStateException("interrupted");
            return new Number(value);
        }

        @Override
        public boolean present(Number result) {
            return there;
        }
    }

    private Number run(String key, Count... phases) throws Exception {
        PhaseRunner runner = new PhaseRunner(out, key, progress);
        Number last = null;
        for (Count phase : phases) last = runner.run(phase, null);
        return last;
    }

    @Test
    void finishedPhasesAreReusedAndAnInterruptedOneRunsAgain() throws Exception {
        assertThatThrownBy(() -> run("k", new Count("a", 1, true), new Count("b", -1, true))).hasMessage("interrupted");
        assertThat(run("k", new Count("a", 7, true), new Count("b", 2, true)).value()).isEqualTo(2);
        assertThat(log).containsExactly("run a", "run b", "reuse a", "run b");
        assertThat(PhaseRunner.result(out, new Count("a", 0, true)).value()).as("the first result, not the second").isEqualTo(1);
    }

    @Test
    void anotherKeyOrAnEarlierChangeRunsEverythingAgain() throws Exception {
        run("k", new Count("a", 1, true), new Count("b", 2, true));
        log.clear();
        run("other", new Count("a", 1, true), new Count("b", 2, true));
        assertThat(log).containsExactly("run a", "run b");
        log.clear();
        run("other", new Count("c", 1, true), new Count("b", 2, true));
        assertThat(log).as("b came after another phase").containsExactly("run c", "run b");
    }

    @Test
    void whatAResultPointsToMustStillBeThere() throws Exception {
        run("k", new Count("a", 1, true));
        assertThat(run("k", new Count("a", 5, false)).value()).isEqualTo(5);
    }

    @Test
    void aDamagedResultOnlyCostsARerun() throws Exception {
        run("k", new Count("a", 1, true));
        Files.writeString(out.resolve("phases").resolve("a.json"), "{\"key\": ");
        assertThat(run("k", new Count("a", 5, true)).value()).isEqualTo(5);
        assertThat(log).containsExactly("run a", "note", "run a");
    }
}
