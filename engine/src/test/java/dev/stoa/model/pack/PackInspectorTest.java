// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.PackManifest;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.format.TensorItem;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.pack.PackIssue.Code;
import dev.stoa.model.pack.PackIssue.Severity;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A sound pack has no issue; each kind of damage has one fixture, and gives its own issue and no other.
class PackInspectorTest {
    @TempDir Path folder;
    private Path pack;

    @BeforeEach
    void write() throws IOException {
        pack = TinyPack.write(folder.resolve("pack"));
    }

    @FunctionalInterface
    private interface Damage {
        void to(Path pack) throws IOException;
    }

    private record Fixture(String config, Damage damage, String file, String tensor) {}

    private static void replace(Path file, String what, String with) throws IOException {
        String text = Files.readString(file);
        assertThat(text).contains(what);
        Files.writeString(file, text.replace(what, with));
    }

    private static void tensors(Path pack, String config, java.util.function.Consumer<Map<String, Tensor>> change) throws IOException {
        Map<String, Tensor> tensors = new TreeMap<>(TinyPack.tensors(config));
        change.accept(tensors);
        SafetensorsWriter.write(pack.resolve("model.safetensors"), tensors, Map.of());
    }

    private static void shard(Path pack) throws IOException {
        Files.move(pack.resolve("model.safetensors"), pack.resolve("model-00001-of-00002.safetensors"));
        StringBuilder map = new StringBuilder("{\"weight_map\":{\"absent\":\"model-00002-of-00002.safetensors\"");
        for (String name : TinyPack.tensors(TinyPack.DENSE).keySet()) map.append(",\"").append(name).append("\":\"model-00001-of-00002.safetensors\"");
        Files.writeString(pack.resolve("model.safetensors.index.json"), map.append("}}"));
    }

    private static Map<Code, Fixture> fixtures() {
        Map<Code, Fixture> all = new EnumMap<>(Code.class);
        String dense = TinyPack.DENSE;
        String weights = "model.safetensors";
        String norm = "layers.1.input_layernorm.weight";
        all.put(Code.CONFIG_MISSING, new Fixture(dense, pack -> Files.delete(pack.resolve("config.json")), "config.json", null));
        all.put(Code.CONFIG_UNKNOWN_TYPE, new Fixture(dense, pack -> replace(pack.resolve("config.json"), "\"qwen3\"", "\"nobody\""), "config.json", null));
        all.put(Code.CONFIG_INVALID, new Fixture(dense, pack -> replace(pack.resolve("config.json"), "\"hidden_size\":32", "\"hidden_size\":-1"), "config.json", null));
        all.put(Code.WEIGHTS_MISSING, new Fixture(dense, pack -> Files.move(pack.resolve(weights), pack.resolve("pytorch_model.bin")), weights, null));
        all.put(Code.WEIGHTS_INVALID, new Fixture(dense, pack -> Files.writeString(pack.resolve(weights), "not a container"), weights, null));
        all.put(Code.SHARD_MISSING, new Fixture(dense, PackInspectorTest::shard, "model-00002-of-00002.safetensors", null));
        all.put(Code.TENSOR_MISSING, new Fixture(dense, pack -> tensors(pack, dense, all2 -> all2.remove("model." + norm)), weights, norm));
        all.put(Code.TENSOR_UNEXPECTED, new Fixture(dense, pack -> tensors(pack, dense, all2 -> all2.put("model.extra", Tensor.of(new float[2], 2))), weights, "extra"));
        all.put(Code.TENSOR_SHAPE, new Fixture(dense, pack -> tensors(pack, dense, all2 -> all2.put("model." + norm, Tensor.of(new float[31], 31))), weights, norm));
        all.put(Code.QUANT_CONFLICT, new Fixture(dense, pack -> tensors(pack, dense, all2 ->
                all2.put("model.layers.0.mlp.up_proj.scales", Tensor.of(new float[48], 48, 1))), "config.json", null));
        all.put(Code.TOKENIZER_MISSING, new Fixture(dense, pack -> Files.delete(pack.resolve("tokenizer.json")), "tokenizer.json", null));
        all.put(Code.TOKENIZER_UNSUPPORTED, new Fixture(dense, pack -> replace(pack.resolve("tokenizer.json"), "\"BPE\"", "\"Oracle\""), "tokenizer.json", null));
        all.put(Code.VOCAB_MISMATCH, new Fixture(dense.replace("290", "200"), pack -> { }, "config.json", "embed_tokens.weight"));
        all.put(Code.TEMPLATE_MISSING, new Fixture(dense, pack -> Files.delete(pack.resolve("chat_template.jinja")), "tokenizer_config.json", null));
        all.put(Code.TEMPLATE_UNPARSABLE, new Fixture(dense, pack -> Files.writeString(pack.resolve("chat_template.jinja"), "a\n{% unless x %}"), "chat_template.jinja", null));
        all.put(Code.EOS_MISSING, new Fixture(dense.replace(",\"eos_token_id\":1", ""), pack -> Files.writeString(pack.resolve("tokenizer_config.json"), "{}"), "config.json", null));
        all.put(Code.MOE_LAYOUT, new Fixture(TinyPack.MIXTURE, pack -> replace(pack.resolve("config.json"), "\"num_experts\":4", "\"num_experts\":3"), weights,
                "layers.0.mlp.experts"));
        all.put(Code.HASH_MISMATCH, new Fixture(dense, pack -> Files.writeString(pack.resolve("tokenizer_config.json"), "{\"eos_token\": \"<end>\"}"),
                "tokenizer_config.json", null));
        return all;
    }

    @Test
    void aSoundPackHasNoIssueAndSaysWhatItIs() throws IOException {
        PackReport report = PackInspector.inspect(pack, true);
        assertThat(report.issues()).isEmpty();
        assertThat(report.supported()).isTrue();
        assertThat(List.of(report.format(), report.family(), report.modelType(), report.tokenizerKind())).containsExactly("safetensors", "qwen3", "qwen3", "BPE");
        long params = TinyPack.tensors(TinyPack.DENSE).values().stream().mapToLong(Tensor::elements).sum();
        assertThat(report.params()).isEqualTo(params);
        assertThat(report.quant()).containsEntry("attention", "F32").containsEntry("embedding", "F32").containsEntry("feed_forward", "F32").hasSize(3);
        assertThat(List.of(report.layers(), report.hidden(), report.vocab(), report.context())).containsExactly(2, 32, 290, 256);
        assertThat(report.capabilities()).containsExactly("generate", "chat");
        assertThat(PackInspector.inspect(TinyPack.write(folder.resolve("moe"), TinyPack.MIXTURE)).capabilities()).contains("mixture_of_experts");
    }

    @Test
    void everyCodeHasAFixtureThatGivesItAlone() throws IOException {
        Map<Code, Fixture> fixtures = fixtures();
        assertThat(fixtures.keySet()).containsExactly(Code.values());
        for (Map.Entry<Code, Fixture> one : fixtures.entrySet()) {
            Path broken = TinyPack.write(folder.resolve(one.getKey().name()), one.getValue().config());
            one.getValue().damage().to(broken);
            if (one.getKey() != Code.HASH_MISMATCH) TinyPack.recordAgain(broken);
            PackReport report = PackInspector.inspect(broken, true);
            assertThat(report.issues()).as("%s: %s", one.getKey(), report.issues()).isNotEmpty().allSatisfy(issue -> {
                assertThat(issue.code()).isEqualTo(one.getKey());
                assertThat(issue.file()).startsWith(one.getValue().file());
                assertThat(issue.got()).isNotBlank();
                assertThat(issue.expected()).isNotBlank().isNotEqualTo(issue.got());
                assertThat(issue.fix()).isNotBlank();
            });
            if (one.getValue().tensor() != null) assertThat(report.issues().getFirst().tensor()).isEqualTo(one.getValue().tensor());
            boolean warning = one.getKey() == Code.TEMPLATE_MISSING || one.getKey() == Code.EOS_MISSING;
            assertThat(report.supported()).as(one.getKey().name()).isEqualTo(warning);
            assertThat(report.issues().getFirst().severity()).isEqualTo(warning ? Severity.WARNING : Severity.ERROR);
        }
    }

    @Test
    void everythingWrongIsFoundAtOnce() throws IOException {
        tensors(pack, TinyPack.DENSE, all -> all.remove("model.norm.weight"));
        Files.delete(pack.resolve("chat_template.jinja"));
        Files.writeString(pack.resolve("tokenizer.json"), "{");
        assertThat(PackInspector.inspect(pack).issues()).extracting(PackIssue::code).contains(
                Code.TENSOR_MISSING, Code.TEMPLATE_MISSING, Code.TOKENIZER_UNSUPPORTED, Code.HASH_MISMATCH);
        Files.delete(pack.resolve("config.json"));
        Files.delete(pack.resolve("model.safetensors"));
        assertThat(PackInspector.inspect(pack).issues()).extracting(PackIssue::code).contains(
                Code.CONFIG_MISSING, Code.WEIGHTS_MISSING, Code.TOKENIZER_UNSUPPORTED);
    }

    @Test
    void oneFlippedWeightByteIsSeenByContentsOnlyAndRefusedAtLoad() throws IOException {
        byte[] bytes = Files.readAllBytes(pack.resolve("model.safetensors"));
        bytes[bytes.length - 1] ^= 1;
        Files.write(pack.resolve("model.safetensors"), bytes);
        assertThat(PackInspector.inspect(pack).issues()).isEmpty();
        assertThat(PackInspector.inspect(pack, true).issues()).singleElement().satisfies(issue -> {
            assertThat(issue.code()).isEqualTo(Code.HASH_MISMATCH);
            assertThat(issue.file()).isEqualTo("model.safetensors");
        });
        assertRefused("model.safetensors");
    }

    @Test
    void aTamperedConfigAndAnUnlistedFileAreRefusedAtLoad() throws IOException {
        load();
        replace(pack.resolve("config.json"), "10000.0", "10001.0");
        assertRefused("config.json");
        replace(pack.resolve("config.json"), "10001.0", "10000.0");
        load();
        Files.writeString(pack.resolve("special_tokens_map.json"), "{}");
        assertRefused("special_tokens_map.json");
    }

    private void load() throws IOException {
        try (Scope scope = new Ledger().scope("test"); Kernels kernels = KernelProvider.open("scalar", 1)) {
            Model.load(ModelDirectory.open(pack, scope), kernels, scope);
        }
    }

    private void assertRefused(String file) {
        assertThatThrownBy(this::load).isInstanceOfSatisfying(FaultException.class, refused -> {
            assertThat(refused.fault().code()).isEqualTo(EngineFault.HASH_MISMATCH);
            assertThat(refused.fault().where()).endsWith(file);
            assertThat(refused.fault().got()).isNotEqualTo(refused.fault().expected());
        });
    }

    @Test
    void ggufFilesAreInspectedToo() throws IOException {
        Path golden = Path.of("src/test/resources/golden/layouts/llama/model.gguf");
        PackReport report = PackInspector.inspect(golden);
        assertThat(report.issues()).extracting(PackIssue::code).containsExactly(Code.TOKENIZER_MISSING, Code.TEMPLATE_MISSING, Code.EOS_MISSING);
        assertThat(report.format()).isEqualTo("gguf");
        assertThat(report.family()).isEqualTo("llama");
        assertThat(report.params()).isPositive();
        Path cut = folder.resolve("cut.gguf");
        Files.write(cut, java.util.Arrays.copyOf(Files.readAllBytes(golden), 5000));
        assertThat(PackInspector.inspect(cut).issues()).extracting(PackIssue::code).containsOnly(Code.WEIGHTS_INVALID);
        Files.copy(golden, folder.resolve("m-00001-of-00002.gguf"));
        assertThat(PackInspector.inspect(folder.resolve("m-00001-of-00002.gguf")).issues()).extracting(PackIssue::code).containsExactly(Code.SHARD_MISSING);
        GgufWriter.write(folder.resolve("x.gguf"), Map.of("general.architecture", GgufValue.text("nobody")),
                List.of(TensorItem.copy("token_embd.weight", Tensor.of(new float[512], 2, 256))));
        assertThat(PackInspector.inspect(folder.resolve("x.gguf")).issues()).extracting(PackIssue::code)
                .containsExactly(Code.CONFIG_UNKNOWN_TYPE, Code.TOKENIZER_MISSING);
    }

    @Test
    void theManifestOfAPackDescribesIt() throws IOException {
        PackManifest manifest = PackManifest.read(pack);
        assertThat(manifest.files()).extracting(PackManifest.Item::path)
                .containsExactly("chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
        try (Scope scope = new Ledger().scope("test")) {
            ModelDirectory model = ModelDirectory.open(pack, scope);
            assertThat(manifest.root().get("model_hash").asString()).isEqualTo(model.modelHash());
            assertThat(manifest.root().get("tokenizer_hash").asString()).isEqualTo(model.tokenizerHash());
            assertThat(manifest.root().get("chat_template_hash").asString()).isEqualTo(model.templateHash());
        }
        assertThat(manifest.root().get("config_sha256").asString()).isEqualTo(
                manifest.files().stream().filter(item -> item.path().equals("config.json")).findFirst().orElseThrow().sha256());
        Files.move(pack, folder.resolve("elsewhere"), StandardCopyOption.ATOMIC_MOVE);
        assertThat(PackManifest.read(folder.resolve("elsewhere"))).isEqualTo(manifest);
    }

    @Test
    void aHostileManifestIsRefused() throws IOException {
        for (String path : List.of("../config.json", "/etc/passwd", "a\\\\b", "")) {
            Files.writeString(pack.resolve(PackManifest.NAME), "{\"files\":[{\"path\":\"" + path + "\",\"size\":1,\"sha256\":\"" + "0".repeat(64) + "\"}]}");
            assertThatThrownBy(() -> PackManifest.read(pack)).isInstanceOf(FaultException.class).hasMessageContaining("config_invalid");
        }
    }
}
