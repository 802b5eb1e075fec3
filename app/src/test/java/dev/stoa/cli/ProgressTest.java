// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private Terminal terminal(boolean interactive) {
        return new Terminal(
                InputStream.nullInputStream(), System.out, new PrintStream(err, true, StandardCharsets.UTF_8),
                Map.of("LANG", "C.UTF-8"), interactive, interactive, interactive);
    }

    private String text() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void inAPipeItPrintsOneLinePerTenthAndNoControlBytes() {
        try (Progress progress = new Progress(terminal(false), false, "train", 100, "steps")) {
            for (int step = 0; step <= 100; step++) progress.update(step, "loss 1.0");
        }
        assertThat(text().lines()).hasSize(10);
        assertThat(text()).contains("train  10 %  10/100 steps").contains("eta ").contains("loss 1.0").doesNotContain("\033").doesNotContain("\r");
    }

    @Test
    void onATerminalItRedrawsOneLineAtMostTenTimesASecondAndErasesItself() {
        try (Progress progress = new Progress(terminal(true), false, "train", 10_000, "steps")) {
            for (int step = 0; step <= 10_000; step++) progress.update(step, "");
        }
        assertThat(text()).doesNotContain("\n").endsWith("\r\033[K").contains("100 %  10000/10000");
        assertThat(text().chars().filter(c -> c == '\r').count()).isLessThan(30);
    }

    @Test
    void silentWritesNothing() {
        try (Progress progress = new Progress(terminal(true), true, "train", 10, "steps")) {
            progress.update(5, "");
        }
        assertThat(text()).isEmpty();
    }

    @Test
    void durationsReadLikeSpeech() {
        assertThat(Progress.duration(8.4)).isEqualTo("8 s");
        assertThat(Progress.duration(125)).isEqualTo("2 m 05 s");
        assertThat(Progress.duration(4320)).isEqualTo("1 h 12 m");
    }
}
