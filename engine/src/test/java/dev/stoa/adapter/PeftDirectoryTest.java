// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A PEFT directory keeps what an adapter does, and says everything that is wrong with it at once.
class PeftDirectoryTest {
    private static final Map<String, long[]> BASE = Map.of(
            "layers.0.self_attn.q_proj", new long[] {3, 4}, "layers.1.self_attn.q_proj", new long[] {3, 4},
            "layers.0.mlp.up_proj", new long[] {5, 4}, "lm_head", new long[] {6, 4});
    private final Scope scope = new Ledger().scope("test");

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void writingAndReadingKeepsTheEffect() throws Exception {
        Adapter written = adapter(Map.of("layers.0.self_attn.q_proj", 2, "layers.0.mlp.up_proj", 1), 2);
        Path directory = folder.resolve("a");
        PeftWriter.write(written, "base", BASE.keySet(), directory);

        Adapter read = PeftReader.read(directory, BASE, scope);

        assertThat(read.hash()).isEqualTo(written.hash());
        assertThat(read.baseHash()).isEqualTo("base-hash");
        assertThat(read.entries().keySet()).isEqualTo(written.entries().keySet());
        String config = Files.readString(directory.resolve("adapter_config.json"));
        assertThat(config).as("q_proj is adapted in one layer of two, so its leaf name would select too much")
                .contains("\"model.layers.0.self_attn.q_proj\"").contains("\"up_proj\"").contains("\"rank_pattern\"");
    }

    @Test
    void aScaleThatAlphaCannotExpressIsFoldedIntoB() throws Exception {
        Adapter written = adapter(Map.of("lm_head", 3), 0.3);
        PeftWriter.write(written, "base", BASE.keySet(), folder.resolve("a"));
        Delta.LowRank read = (Delta.LowRank) PeftReader.read(folder.resolve("a"), BASE, scope).entries().firstEntry().getValue();
        Delta.LowRank original = (Delta.LowRank) written.entries().firstEntry().getValue();
        assertThat(read.scale()).isEqualTo(1);
        assertThat(read.b().get(0)).isCloseTo(original.b().get(0) * 0.3f, org.assertj.core.data.Offset.offset(1e-7f));
    }

    @Test
    void theHashIsOfTheEffectNotOfItsSpelling() throws Exception {
        Adapter plain = adapter(Map.of("lm_head", 4), 2);
        Path directory = folder.resolve("a");
        PeftWriter.write(plain, "base", BASE.keySet(), directory);
        Path config = directory.resolve("adapter_config.json");
        String text = Files.readString(config);
        // alpha 8 over rank 4 is alpha 4 over sqrt(4)
        Files.writeString(config, text.replace("\"lora_alpha\": 8", "\"lora_alpha\": 4").replace("\"use_rslora\": false", "\"use_rslora\": true"));
        assertThat(PeftReader.read(directory, BASE, scope).hash()).isEqualTo(plain.hash());
        Files.writeString(config, text.replace("\"lora_alpha\": 8", "\"lora_alpha\": 16"));
        assertThat(PeftReader.read(directory, BASE, scope).hash()).isNotEqualTo(plain.hash());
    }

    @Test
    void everyWrongTensorIsNamedInOneError() throws Exception {
        PeftWriter.write(adapter(Map.of("layers.0.self_attn.q_proj", 2, "layers.0.mlp.up_proj", 1), 1), "base", BASE.keySet(), folder.resolve("a"));
        Map<String, long[]> other = Map.of("layers.0.self_attn.q_proj", new long[] {3, 9});
        assertThatThrownBy(() -> PeftReader.read(folder.resolve("a"), other, scope)).isInstanceOf(FaultException.class)
                .hasMessageContaining("adapter_incompatible").hasMessageContaining("[3, 9]").hasMessageContaining("mlp.up_proj: the base has no such");
    }

    @Test
    void settingsThatCannotBeReproducedAreRefusedTogether() throws Exception {
        PeftWriter.write(adapter(Map.of("lm_head", 1), 1), "base", BASE.keySet(), folder.resolve("a"));
        Path config = folder.resolve("a").resolve("adapter_config.json");
        Files.writeString(config, Files.readString(config).replace("\"use_dora\": false", "\"use_qalora\": true")
                .replace("\"modules_to_save\": null", "\"layer_replication\": [[0, 2]]"));
        assertThatThrownBy(() -> PeftReader.read(folder.resolve("a"), BASE, scope)).isInstanceOf(FaultException.class)
                .hasMessageContaining("use_qalora").hasMessageContaining("layer_replication");
    }

    @Test
    void valuesThatAreNotNumbersAreRefused() throws Exception {
        Adapter adapter = adapter(Map.of("lm_head", 1), 1);
        ((Delta.LowRank) adapter.entries().firstEntry().getValue()).b().set(2, Float.NaN);
        PeftWriter.write(adapter, "base", BASE.keySet(), folder.resolve("a"));
        assertThatThrownBy(() -> PeftReader.read(folder.resolve("a"), BASE, scope)).hasMessageContaining("lm_head: lora_B holds NaN");
    }

    @Test
    void severalAdaptersInOneFolderMustBeTold() throws Exception {
        for (String name : List.of("one", "two")) PeftWriter.write(adapter(Map.of("lm_head", 1), 1), "base", BASE.keySet(), folder.resolve(name));
        assertThatThrownBy(() -> PeftReader.read(folder, BASE, scope)).hasMessageContaining("[one, two]");
        assertThatThrownBy(() -> PeftReader.read(folder.resolve("none"), BASE, scope)).hasMessageContaining("no adapter directory");
    }

    private Adapter adapter(Map<String, Integer> ranks, double scale) {
        TreeMap<TargetId, Delta> entries = new TreeMap<>();
        ranks.forEach((path, rank) -> {
            long[] shape = BASE.get(path);
            Tensor a = scope.f32(rank, shape[1]), b = scope.f32(shape[0], rank);
            for (long i = 0; i < a.elements(); i++) a.set(i, 0.1f * (i + 1));
            for (long i = 0; i < b.elements(); i++) b.set(i, 0.7f - 0.2f * i);
            entries.put(TargetId.ofPath(path), new Delta.LowRank(a, b, scale));
        });
        return new Adapter(AdapterHash.of(entries), "base-hash", entries);
    }
}
