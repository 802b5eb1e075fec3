// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufWriterTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/gguf");
    @TempDir Path dir;

    /// Written again in the same order, a file of the reference writer comes out byte for byte.
    @Test
    void writesTheBytesOfTheReferenceWriter() throws IOException {
        for (String name : new String[] {"plain.gguf", "aligned.gguf"}) {
            try (Scope scope = new Ledger().scope("test")) {
                Gguf file = Gguf.open(GOLDEN.resolve(name), scope);
                Map<String, GgufValue> metadata = new LinkedHashMap<>();
                for (String key : file.metadata().keys()) metadata.put(key, file.metadata().get(key));
                List<TensorItem> items = new ArrayList<>();
                for (GgufHeader.Entry entry : Gguf.inspect(GOLDEN.resolve(name)).entries()) items.add(TensorItem.copy(entry.name(), file.find(entry.name())));
                GgufWriter.write(dir.resolve(name), metadata, items);
                assertThat(dir.resolve(name)).hasSameBinaryContentAs(GOLDEN.resolve(name));
            }
        }
    }

    @Test
    void encodesWhileItWrites() throws IOException {
        try (Scope scope = new Ledger().scope("test")) {
            float[] values = new float[5 * 512];
            for (int i = 0; i < values.length; i++) values[i] = (float) Math.sin(i * 0.7) * (i % 31);
            Tensor source = Tensor.of(values, 5, 512);
            for (DType dtype : new DType[] {DType.Q4_K, DType.Q6_K, DType.BF16, DType.F16}) {
                GgufWriter.write(dir.resolve("x.gguf"), Map.of("general.architecture", GgufValue.text("test")),
                        List.of(TensorItem.encode("w", source, dtype)));
                Tensor read = Gguf.open(dir.resolve("x.gguf"), scope).find("w");
                Tensor expected = Quant.encode(values, dtype, scope, 5, 512);
                assertThat(read.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected.data().toArray(ValueLayout.JAVA_BYTE));
            }
            assertThatThrownBy(() -> TensorItem.encode("w", Tensor.of(new float[40], 2, 20), DType.Q8_0)).hasMessageContaining("do not fill");
        }
    }

    @Test
    void leavesTheOldFileWhenABodyFails() throws IOException {
        Path file = Files.writeString(dir.resolve("x.gguf"), "old");
        TensorItem shorter = new TensorItem("w", DType.F32, new long[] {4}, out -> {});
        assertThatThrownBy(() -> GgufWriter.write(file, Map.of(), List.of(shorter))).hasMessageContaining("0 bytes written, 16 promised");
        assertThat(Files.readString(file)).isEqualTo("old");
        try (var files = Files.list(dir)) {
            assertThat(files).hasSize(1);
        }
        assertThatThrownBy(() -> GgufWriter.write(file, Map.of(), List.of(new TensorItem("w".repeat(64), DType.F32, new long[] {0}, out -> {}))))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
