// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Against a file of the reference library (tools/golden/formats.py).
class SafetensorsGoldenTest {
    private static final Path THEIRS = Path.of("src/test/resources/golden/model/model.safetensors");
    @TempDir Path dir;

    @Test
    void readsWhatTheReferenceLibraryWrote() throws IOException {
        Ledger ledger = new Ledger();
        try (Scope scope = ledger.scope("test"); Safetensors file = Safetensors.open(THEIRS, scope)) {
            assertThat(file.names()).containsExactly("a.float32", "empty", "half", "ids", "layers.0.weight", "mask", "scalar");
            assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"));
            assertThat(file.find("layers.0.weight").shape()).containsExactly(3, 4);
            assertThat(file.find("layers.0.weight").toArray())
                    .containsExactly(-1, -.75f, -.5f, -.25f, 0, .25f, .5f, .75f, 1, 1.25f, 1.5f, 1.75f);
            assertThat(file.find("a.float32").toArray()).containsExactly(1.5f, -0.0f, 3e-40f);
            assertThat(file.find("half").dtype()).isEqualTo(DType.BF16);
            assertThat(file.find("scalar").shape()).isEmpty();
            assertThat(file.find("scalar").get(0)).isEqualTo(2);
            assertThat(file.find("empty").elements()).isZero();
            assertThat(file.find("nothing")).isNull();
            assertThat(ledger.mappedBytes()).isEqualTo(101);
        }
        assertThat(ledger.mappedBytes()).isZero();
    }

    @Test
    void writesTheSameBytesAsTheReferenceLibrary() throws IOException {
        try (Scope scope = new Ledger().scope("test"); Safetensors file = Safetensors.open(THEIRS, scope)) {
            Map<String, Tensor> shuffled = new LinkedHashMap<>();
            for (String name : file.names().reversed()) shuffled.put(name, file.find(name));
            SafetensorsWriter.write(dir.resolve("ours.safetensors"), shuffled, file.metadata());
        }
        assertThat(Files.readAllBytes(dir.resolve("ours.safetensors"))).isEqualTo(Files.readAllBytes(THEIRS));
        try (var left = Files.list(dir)) {
            assertThat(left).hasSize(1);
        }
    }
}
