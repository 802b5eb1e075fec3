// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufQuantizer;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.MlxQuantizer;
import dev.stoa.format.ModelConverter;
import dev.stoa.format.ModelFiles;
import dev.stoa.format.TensorItem;
import dev.stoa.format.TensorPolicy;
import dev.stoa.model.AdapterConverter;
import dev.stoa.model.AdapterConverter.Dialect;
import dev.stoa.model.TinyModels;
import dev.stoa.quant.QuantSpec;
import dev.stoa.template.Message;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The golden models with a small vocabulary: a GGUF file and an MLX directory open as the directory they were made of and
/// answer the same, bare and under adapters of every dialect; adapters find their base again in its recorded copies.
class GgufEngineTest {
    private static final Path FAMILIES = Path.of("src/test/resources/golden/families");
    private static final Path LAYOUTS = Path.of("src/test/resources/golden/layouts");
    private static final List<String> CONTROL = List.of("<|bos|>", "<|end|>", "<|turn|>", "<|part|>");
    private static final String TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}<|turn|>{% endfor %}"
            + "{% if add_generation_prompt %}assistant: {% endif %}";
    @TempDir
    Path folder;

    /// Control tokens, then single byte symbols, up to `size`.
    private static List<String> vocabulary(int size) {
        List<String> tokens = new ArrayList<>(CONTROL);
        "abcdefghijklmnopqrstuvwxyz:\u0120\u010a0123456789.,?!'()-_+*/=<>[]{}|&%#@;ABCDEFGHIJ".chars().limit(size - tokens.size())
                .forEach(c -> tokens.add(Character.toString(c)));
        assertThat(tokens).hasSize(size);
        return tokens;
    }

    /// Both forms of one vocabulary: the files of a directory ...
    private static void addTokenizer(Path directory, int size) throws IOException {
        ObjectNode root = JsonMapper.shared().createObjectNode().put("version", "1.0");
        ArrayNode added = root.putArray("added_tokens");
        ObjectNode vocab = JsonMapper.shared().createObjectNode();
        List<String> tokens = vocabulary(size);
        for (int id = 0; id < size; id++) {
            if (id < CONTROL.size()) {
                added.addObject().put("id", id).put("content", tokens.get(id)).put("single_word", false).put("lstrip", false)
                        .put("rstrip", false).put("normalized", false).put("special", true);
            } else {
                vocab.put(tokens.get(id), id);
            }
        }
        root.putObject("pre_tokenizer").put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", true);
        root.putObject("decoder").put("type", "ByteLevel").put("add_prefix_space", true).put("trim_offsets", true).put("use_regex", true);
        ObjectNode model = root.putObject("model").put("type", "BPE");
        model.set("vocab", vocab);
        model.putArray("merges");
        Files.writeString(directory.resolve("tokenizer.json"), root.toString());
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"bos_token\":\"<|bos|>\",\"eos_token\":\"<|end|>\"}");
        Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATE);
    }

    /// ... and the metadata of a GGUF file.
    private static Map<String, GgufValue> metadata(int size) {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        int[] types = new int[size];
        for (int id = 0; id < size; id++) types[id] = id < CONTROL.size() ? 3 : 1;
        metadata.put("tokenizer.ggml.model", GgufValue.text("gpt2"));
        metadata.put("tokenizer.ggml.pre", GgufValue.text("gpt-2"));
        metadata.put("tokenizer.ggml.tokens", GgufValue.texts(vocabulary(size)));
        metadata.put("tokenizer.ggml.token_type", GgufValue.i32s(types));
        metadata.put("tokenizer.ggml.merges", GgufValue.texts(List.of()));
        metadata.put("tokenizer.ggml.bos_token_id", GgufValue.u32(0));
        metadata.put("tokenizer.ggml.eos_token_id", GgufValue.u32(1));
        metadata.put("tokenizer.chat_template", GgufValue.text(TEMPLATE));
        return metadata;
    }

    /// A golden GGUF file with other metadata; a null value takes a key away.
    private Path gguf(String name, Consumer<Map<String, GgufValue>> change) throws IOException {
        Path file = folder.resolve(name);
        try (Scope scope = new Ledger().scope("test")) {
            Gguf golden = Gguf.open(LAYOUTS.resolve("llama/model.gguf"), scope);
            Map<String, GgufValue> metadata = new LinkedHashMap<>();
            for (String key : golden.metadata().keys()) metadata.put(key, golden.metadata().get(key));
            change.accept(metadata);
            metadata.values().removeIf(java.util.Objects::isNull);
            GgufWriter.write(file, metadata, golden.order().stream().map(tensor -> TensorItem.copy(tensor, golden.find(tensor))).toList());
        }
        return file;
    }

    private Path chatting(String name) throws IOException {
        return gguf(name, all -> all.putAll(metadata(64)));
    }

    private static Path directory(Path from, Path to, int vocabulary) throws IOException {
        Files.createDirectories(to);
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) Files.copy(file, to.resolve(file.getFileName()));
        }
        addTokenizer(to, vocabulary);
        return to;
    }

    private static Engine open(Path model) throws IOException {
        return Engine.open(LoadConfig.of(model).withKernels("auto", 1));
    }

    /// Ids that ends of an answer do not cut.
    private static int[] answer(Engine engine, AdapterSet experts) {
        String prompt = engine.template().render(List.of(new Message("user", "what is it?")), true, engine.text().variables()).text();
        int[] ids = engine.tokenizer().encode(prompt, true);
        GenerateConfig config = new GenerateConfig(24, 0, 0, 1, 0, 1L, List.of(), true, -1);
        return engine.generate(new GenerateRequest(ids, config, experts, Compose.SUM, 5), Context.NONE).tokens();
    }

    @Test
    void aGgufFileAnswersAsItsDirectoryBareAndUnderAdaptersOfEveryDialect() throws IOException {
        Path original = directory(FAMILIES.resolve("llama"), folder.resolve("original"), 64);
        Path adapter = FAMILIES.resolve("llama/adapter");
        Path mlx = folder.resolve("adapter-mlx");
        AdapterConverter.convert(adapter, original, mlx, Dialect.MLX, DType.F32);
        Path lora = folder.resolve("adapter.gguf");
        AdapterConverter.convert(adapter, original, lora, Dialect.GGUF, DType.F32);
        Engine copy = open(chatting("model.gguf"));
        try (Engine first = open(original); copy) {
            assertThat(copy.text().variables()).isEqualTo(first.text().variables()).containsEntry("bos_token", "<|bos|>").containsEntry("eos_token", "<|end|>");
            assertThat(copy.text().templateHash()).isEqualTo(first.text().templateHash());
            assertThat(copy.text().tokenizerHash()).hasSize(64);
            int[] base = answer(first, AdapterSet.BASE);
            assertThat(answer(copy, AdapterSet.BASE)).isEqualTo(base);
            int[] adapted = answer(first, AdapterSet.of(first.adapters().load("peft", adapter)));
            assertThat(adapted).isNotEqualTo(base);
            for (Path dialect : List.of(adapter, mlx, lora)) {
                Adapter loaded = copy.adapters().load("one", dialect);
                assertThat(answer(copy, AdapterSet.of(loaded))).as("%s on GGUF", dialect.getFileName()).isEqualTo(adapted);
                assertThat(answer(first, AdapterSet.of(first.adapters().load("one", dialect)))).as("%s", dialect.getFileName()).isEqualTo(adapted);
            }
        }
        assertThat(copy.ledger().activeBytes()).isZero();
        assertThat(copy.ledger().mappedBytes()).isZero();
    }

    @Test
    void anMlxDirectoryAnswersAsItsOriginal() throws IOException {
        int size = 73;
        Path original = directory(FAMILIES.resolve("qwen3_5_moe"), folder.resolve("original"), size);
        Path copy = directory(LAYOUTS.resolve("qwen3_5_moe/mlx"), folder.resolve("mlx"), size);
        try (Engine first = open(original); Engine second = open(copy)) {
            assertThat(answer(second, AdapterSet.BASE)).isEqualTo(answer(first, AdapterSet.BASE)).hasSize(24);
        }
    }

    @Test
    void everyEndThatTheMetadataOrTheTemplateNamesEndsAnAnswer() throws IOException {
        assertThat(ends(chatting("plain.gguf"))).as("eos and the template's end of turn").containsExactly(1, 2);
        assertThat(ends(gguf("eot.gguf", all -> {
            all.putAll(metadata(64));
            all.put("tokenizer.ggml.eot_token_id", GgufValue.u32(3));
            all.put("tokenizer.ggml.eom_token_id", GgufValue.u32(7));
        }))).containsExactly(1, 2, 3, 7);
        assertThat(ends(gguf("untold.gguf", all -> {
            all.putAll(metadata(64));
            all.put("tokenizer.ggml.eos_token_id", null);
            all.put("tokenizer.chat_template", GgufValue.text(TEMPLATE.replace("<|turn|>", "\n")));
        }))).as("a line end is no end").isEmpty();
        assertThat(ends(gguf("refusing.gguf", all -> {
            all.putAll(metadata(64));
            all.put("tokenizer.chat_template", GgufValue.text("{% if messages|length > 1 %}{{ raise_exception('one') }}{% endif %}{{ messages[0].content }}<|turn|>"));
        }))).containsExactly(1);
        Path outside = gguf("outside.gguf", all -> {
            all.putAll(metadata(64));
            all.put("tokenizer.ggml.eot_token_id", GgufValue.u32(64));
        });
        assertThatThrownBy(() -> open(outside)).isInstanceOf(FaultException.class).hasMessageContaining("eot_token_id").hasMessageContaining("0 to 63");
    }

    private static TreeSet<Integer> ends(Path file) throws IOException {
        try (Engine engine = open(file); Scope scope = new Ledger().scope("ends")) {
            return new TreeSet<>(EosIds.of(engine.model().spec(), ModelFiles.open(file, scope), engine.text()));
        }
    }

    @Test
    void whatAFileLacksIsSaid() throws IOException {
        assertFault(LAYOUTS.resolve("llama/model.gguf"), EngineFault.TOKENIZER_INVALID, "holds no tokenizer", "convert the model again together with its tokenizer");
        try (Engine engine = open(gguf("silent.gguf", all -> {
            all.putAll(metadata(64));
            all.put("tokenizer.chat_template", null);
        }))) {
            assertThat(engine.template()).isNull();
            assertThat(engine.text().templateHash()).isNull();
        }
        assertFault(gguf("template.gguf", all -> {
            all.putAll(metadata(64));
            all.put("tokenizer.chat_template", GgufValue.text("{% nonsense %}"));
        }), EngineFault.TEMPLATE_INVALID, "nonsense", "");
        Path lora = folder.resolve("lora.gguf");
        AdapterConverter.convert(FAMILIES.resolve("llama/adapter"), FAMILIES.resolve("llama"), lora, Dialect.GGUF, DType.F32);
        assertFault(lora, EngineFault.CONFIG_UNKNOWN_TYPE, "not a model", "--expert");
        assertFault(folder.resolve("nowhere.gguf"), EngineFault.MISSING_FILE, "no such file", "check the path");
        assertFault(folder.resolve("nowhere"), EngineFault.MISSING_FILE, "no model directory", "");
        assertFault(folder, EngineFault.MISSING_FILE, "files of the model are missing", "lora.gguf, silent.gguf");
    }

    private static void assertFault(Path model, EngineFault code, String what, String next) {
        assertThatThrownBy(() -> open(model)).isInstanceOfSatisfying(FaultException.class, e -> {
            assertThat(e.fault().code()).isEqualTo(code);
            assertThat(e).hasMessageContaining(what).hasMessageContaining(next);
        });
    }

    /// A model, an adapter trained on it, and copies of copies: the adapter mounts wherever the record leads back.
    @Test
    void anAdapterMountsOnRecordedCopiesOfItsBaseAndNowhereElse() throws IOException {
        Path original = chatting("model.gguf");
        Path q8 = folder.resolve("q8.gguf");
        GgufQuantizer.quantize(original, q8, TensorPolicy.of(DType.Q8_0));
        Path q4 = folder.resolve("q4.gguf");
        GgufQuantizer.quantize(q8, q4, TensorPolicy.of(DType.Q4_0));
        Path expert = expert(original, folder.resolve("expert"));
        for (Path copy : List.of(original, q8, q4)) {
            try (Engine engine = open(copy)) {
                assertThat(engine.adapters().load("expert", expert).entries()).isNotEmpty();
            }
        }
        Path onCopy = expert(q8, folder.resolve("on-copy"));
        try (Engine engine = open(q4)) {
            assertThat(engine.adapters().load("expert", onCopy).entries()).isNotEmpty();
        }
        assertRefused(original, onCopy, "a copy's adapter is not the original's");
        Path stranger = gguf("stranger.gguf", all -> {
            all.putAll(metadata(64));
            all.put("general.name", GgufValue.text("another"));
        });
        assertRefused(stranger, expert, "no record, no copy");
    }

    @Test
    void mlxAndFloatCopiesOfADirectoryKeepTheRecordAndNoticeChanges() throws IOException {
        Path original = directory(FAMILIES.resolve("qwen3_moe"), folder.resolve("original"), 73);
        Path mlx = folder.resolve("mlx");
        QuantSpec eight = new QuantSpec("affine", 8, 32);
        MlxQuantizer.quantize(original, mlx, eight, module -> eight);
        Path floats = folder.resolve("floats");
        ModelConverter.convert(mlx, floats, DType.F32);
        Path expert = expert(original, folder.resolve("expert"));
        for (Path copy : List.of(mlx, floats)) {
            try (Engine engine = open(copy)) {
                assertThat(engine.adapters().load("expert", expert).entries()).isNotEmpty();
            }
        }
        Path config = floats.resolve("config.json");
        String before = Files.readString(config);
        Files.writeString(config, before + "\n");
        assertFault(floats, EngineFault.HASH_MISMATCH, "not those of the manifest", "stoa verify");
        Files.delete(floats.resolve("stoa-manifest.json"));
        assertRefused(floats, expert, "without its record");
    }

    private static Path expert(Path base, Path target) throws IOException {
        try (Engine engine = open(base)) {
            PeftWriter.write(TinyModels.adapter(engine.model(), 2, 4), "base", engine.model().linearShapes().keySet(), target);
        }
        return target;
    }

    private static void assertRefused(Path base, Path expert, String why) throws IOException {
        try (Engine engine = open(base)) {
            assertThatThrownBy(() -> engine.adapters().load("expert", expert)).as(why).isInstanceOfSatisfying(FaultException.class, e -> {
                assertThat(e.fault().code()).isEqualTo(EngineFault.ADAPTER_INCOMPATIBLE);
                assertThat(e).hasMessageContaining("another base").hasMessageContaining(engine.model().hash()).hasMessageContaining("next");
            });
            assertThat(engine.adapters().list()).isEmpty();
        }
    }
}
