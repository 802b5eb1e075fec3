// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class ModelDirectoryTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/model");
    @TempDir Path dir;
    private final Scope scope = new Ledger().scope("test");

    @BeforeEach
    void copy() throws IOException {
        try (var files = Files.list(GOLDEN)) {
            for (Path file : files.toList()) Files.copy(file, dir.resolve(file.getFileName()));
        }
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private ModelDirectory open() throws IOException {
        return ModelDirectory.open(dir, scope);
    }

    @Test
    void hashesEqualTheIndependentOnes() throws IOException {
        JsonNode expected = Json.readObject(GOLDEN.resolve("hashes.json"), 1 << 20, EngineFault.CONFIG_INVALID);
        ModelDirectory model = open();
        assertThat(model.modelHash()).isEqualTo(expected.get("model_hash").stringValue());
        assertThat(model.tokenizerHash()).isEqualTo(expected.get("tokenizer_hash").stringValue());
        assertThat(model.templateHash()).isEqualTo(expected.get("chat_template_hash").stringValue());
    }

    @Test
    void hashesSeeEachContentAndNothingElse() throws IOException {
        String model = open().modelHash();
        String tokenizer = open().tokenizerHash();
        String template = open().templateHash();
        Files.writeString(dir.resolve("notes.txt"), "more");
        String config = Files.readString(dir.resolve("tokenizer_config.json"));
        Files.writeString(dir.resolve("tokenizer_config.json"), config.replace("ignored", "changed").replace("\n", "\n "));
        assertThat(open().tokenizerHash()).isEqualTo(tokenizer);
        Files.writeString(dir.resolve("tokenizer_config.json"), config.replace("0.5", "0.25"));
        assertThat(open().tokenizerHash()).isNotEqualTo(tokenizer);
        assertThat(open().modelHash()).isEqualTo(model);
        Files.writeString(dir.resolve("chat_template.jinja"), "other");
        assertThat(open().templateHash()).isNotEqualTo(template);
        byte[] weights = Files.readAllBytes(dir.resolve("model.safetensors"));
        weights[weights.length - 1] ^= 1;
        Files.write(dir.resolve("model.safetensors"), weights);
        assertThat(open().modelHash()).isNotEqualTo(model);
    }

    @Test
    void templateComesFromTheFileThenTheConfig() throws IOException {
        assertThat(open().chatTemplate()).endsWith("é");
        Files.delete(dir.resolve("chat_template.jinja"));
        assertThat(open().chatTemplate()).isEqualTo("ignored");
        Path config = dir.resolve("tokenizer_config.json");
        Files.writeString(config, "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"t\"},{\"name\":\"default\",\"template\":\"d\"}]}");
        assertThat(open().chatTemplate()).isEqualTo("d");
        Files.writeString(config, "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"t\"}]}");
        assertThatThrownBy(this::open).isInstanceOf(FaultException.class).hasMessageContaining("template_invalid");
        Files.delete(config);
        assertThat(open().chatTemplate()).isNull();
        assertThat(open().templateHash()).isNull();
    }

    @Test
    void missingFilesAreReportedTogether() throws IOException {
        for (String name : new String[] {"config.json", "model.safetensors", "tokenizer.json"}) Files.delete(dir.resolve(name));
        assertThatThrownBy(this::open).isInstanceOfSatisfying(FaultException.class, problem -> {
            assertThat(problem.fault().code()).isEqualTo(EngineFault.MISSING_FILE);
            assertThat(problem.fault().issues()).hasSize(3);
        });
        assertThatThrownBy(() -> ModelDirectory.open(dir.resolve("nowhere"), scope)).hasMessageContaining("no model directory");
    }

    @Test
    void worksWithoutTokenizerOnlyWhenAsked() throws IOException {
        Files.delete(dir.resolve("tokenizer.json"));
        ModelDirectory model = ModelDirectory.openWithoutTokenizer(dir, scope);
        assertThat(model.weights().names()).contains("half");
        assertThat(model.tokenizerJson()).isNull();
        assertThat(model.tokenizerHash()).isNull();
    }

    @Test
    void pickleIsNeverRead() throws IOException {
        Files.delete(dir.resolve("model.safetensors"));
        Files.writeString(dir.resolve("pytorch_model.BIN"), "");
        assertThatThrownBy(this::open).isInstanceOf(FaultException.class)
                .hasMessageContaining("unsafe_file").hasMessageContaining("pytorch_model.BIN").hasMessageContaining("convert to safetensors");
    }

    @Test
    void shardsHashLikeTheirFiles() throws IOException {
        Files.delete(dir.resolve("model.safetensors"));
        SafetensorsWriter.write(dir.resolve("model-00001-of-00001.safetensors"),
                Map.of("w", Tensor.of(new float[] {1, 2}, 2)), Map.of());
        Files.writeString(dir.resolve("model.safetensors.index.json"),
                "{\"weight_map\":{\"w\":\"model-00001-of-00001.safetensors\"}}");
        ModelDirectory model = open();
        assertThat(model.weights().find("w").toArray()).containsExactly(1, 2);
        String hash = model.modelHash();
        Files.writeString(dir.resolve("model.safetensors.index.json"),
                "{\"metadata\":{},\"weight_map\":{\"w\":\"model-00001-of-00001.safetensors\"}}");
        assertThat(open().modelHash()).isEqualTo(hash);
    }
}
