// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// What an engine fills in where its config leaves the memory to the machine, and what it leaves alone.
class PlannedLoadTest {
    private static final LoadConfig CONFIG = LoadConfig.of(Path.of("src/test/resources/golden/families/llama")).withKernels("scalar", 1);

    @Test
    void whatIsLeftOpenIsPlanned() throws IOException {
        try (Engine engine = Engine.open(CONFIG)) {
            assertThat(engine.config().kvBytes()).isPositive();
            assertThat(engine.config().contextTokens()).isEqualTo(engine.model().spec().maxContext());
        }
        try (Engine engine = Engine.open(CONFIG.withContext(64))) {
            assertThat(engine.config().contextTokens()).isEqualTo(64);
        }
    }

    @Test
    void whatIsSaidStays() throws IOException {
        try (Engine engine = Engine.open(CONFIG.withKvBytes(1 << 20))) {
            assertThat(engine.config()).isEqualTo(CONFIG.withKvBytes(1 << 20));
        }
    }
}
