// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/// A Hugging Face model directory: `config.json`, safetensors weights (one file or an index with shards), and the
/// tokenizer's files. Parsed but not interpreted; weights are mapped into the scope given to [#open].
/// Immutable and thread-safe.
public final class ModelDirectory implements ModelFiles {
    private static final String SINGLE = "model.safetensors";
    private static final String MANIFEST = "stoa-manifest.json";
    private static final String INDEX = "model.safetensors.index.json";
    private static final long MAX_JSON = 256L << 20;
    private static final List<String> PICKLE = List.of(".bin", ".pt", ".pth", ".ckpt", ".pkl");

    private final Path path;
    private final JsonNode config;
    private final JsonNode generationConfig;
    private final Weights files;
    private final QuantConfig quantConfig;
    private final List<Path> weightFiles;
    private final String tokenizerJson;
    private final JsonNode tokenizerConfig;
    private final String chatTemplate;
    private final String tokenizerHash;
    private final FileDigests digests = new FileDigests();

    private ModelDirectory(Path path, Scope scope) throws IOException {
        this.path = path;
        this.config = Json.readObject(path.resolve("config.json"), MAX_JSON, EngineFault.CONFIG_INVALID);
        this.quantConfig = QuantConfig.read(path, config);
        this.generationConfig = optional("generation_config.json", EngineFault.CONFIG_INVALID);
        if (Files.exists(path.resolve(INDEX))) {
            ShardedSafetensors shards = ShardedSafetensors.open(path.resolve(INDEX), scope);
            this.files = shards;
            this.weightFiles = shards.files();
        } else {
            this.files = Safetensors.open(path.resolve(SINGLE), scope);
            this.weightFiles = List.of(path.resolve(SINGLE));
        }
        Path tokenizer = path.resolve("tokenizer.json");
        this.tokenizerJson = Files.exists(tokenizer)
                ? Json.readText(tokenizer, MAX_JSON, EngineFault.TOKENIZER_INVALID) : null;
        this.tokenizerConfig = optional("tokenizer_config.json", EngineFault.TOKENIZER_INVALID);
        this.chatTemplate = template(path, tokenizerConfig);
        this.tokenizerHash = tokenizerJson == null ? null : ModelHashes.tokenizer(path);
    }

    /// Opens a directory that can chat: config, weights and `tokenizer.json` must be there; what is missing is
    /// reported together.
    public static ModelDirectory open(Path directory, Scope scope) throws IOException {
        return open(directory, scope, true);
    }

    /// Like [#open(Path, Scope)], but the tokenizer may be missing: for work on raw token ids.
    public static ModelDirectory openWithoutTokenizer(Path directory, Scope scope) throws IOException {
        return open(directory, scope, false);
    }

    private static ModelDirectory open(Path directory, Scope scope, boolean withTokenizer) throws IOException {
        List<String> missing = new ArrayList<>();
        if (!Files.isDirectory(directory)) {
            throw Fault.of(EngineFault.MISSING_FILE, "there is no model directory").where(directory)
                    .expected("a directory with config.json and model.safetensors").next("check the path").exception();
        }
        boolean weights = Files.exists(directory.resolve(SINGLE)) || Files.exists(directory.resolve(INDEX));
        if (!weights) {
            List<String> pickles = files(directory, PICKLE);
            if (!pickles.isEmpty()) {
                throw Fault.of(EngineFault.UNSAFE_FILE, "the weights are pickle files, which can run code and are never read")
                        .where(directory).got(String.join(", ", pickles)).expected(SINGLE)
                        .next("convert to safetensors").exception();
            }
            missing.add(SINGLE + " (or " + INDEX + " with its shards): the weights");
        }
        if (!Files.exists(directory.resolve("config.json"))) missing.add("config.json: the model's shape");
        if (withTokenizer && !Files.exists(directory.resolve("tokenizer.json"))) missing.add("tokenizer.json: text to ids");
        if (!missing.isEmpty()) {
            List<String> ggufs = weights ? List.of() : files(directory, List.of(".gguf"));
            throw Fault.of(EngineFault.MISSING_FILE, "%d files of the model are missing", missing.size()).where(directory)
                    .issues(missing).next(ggufs.isEmpty() ? "fetch them, or save the model with save_pretrained(safe_serialization=True)"
                            : "name the GGUF file that you mean: " + String.join(", ", ggufs)).exception();
        }
        return new ModelDirectory(directory, scope);
    }

    /// The weight files a directory should have by its index, or its single one; empty without either. They may be missing.
    public static List<Path> weightFiles(Path directory) throws IOException {
        if (Files.exists(directory.resolve(INDEX))) {
            return ShardedSafetensors.shardNames(directory.resolve(INDEX)).stream().map(directory::resolve).toList();
        }
        return Files.exists(directory.resolve(SINGLE)) ? List.of(directory.resolve(SINGLE)) : List.of();
    }

    /// tokenizer_hash of the files in a directory.
    public static String tokenizerHash(Path directory) throws IOException {
        return ModelHashes.tokenizer(directory);
    }

    /// Names of files in a directory that hold weights as pickles, which are never read.
    public static List<String> pickles(Path directory) throws IOException {
        return files(directory, PICKLE);
    }

    private static List<String> files(Path directory, List<String> endings) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> endings.stream().anyMatch(name.toLowerCase(Locale.ROOT)::endsWith)).sorted().toList();
        }
    }

    private JsonNode optional(String name, Fault.Code code) throws IOException {
        Path file = path.resolve(name);
        return Files.exists(file) ? Json.readObject(file, MAX_JSON, code) : null;
    }

    /// `chat_template.jinja`, else the field of tokenizer_config.json (a text, or a list of which `default` counts).
    public static String template(Path path, JsonNode tokenizerConfig) throws IOException {
        Path file = path.resolve("chat_template.jinja");
        if (Files.exists(file)) return Json.readText(file, MAX_JSON, EngineFault.TEMPLATE_INVALID);
        JsonNode field = tokenizerConfig == null ? null : tokenizerConfig.get("chat_template");
        if (field == null || field.isNull()) return null;
        if (field.isString()) return field.stringValue();
        for (JsonNode item : field) {
            JsonNode template = item.path("template");
            if (item.path("name").asString("").equals("default") && template.isString()) return template.stringValue();
        }
        throw Fault.of(EngineFault.TEMPLATE_INVALID, "chat_template is neither a text nor a list with a default")
                .where(path.resolve("tokenizer_config.json")).next("add chat_template.jinja").exception();
    }

    @Override
    public Path path() {
        return path;
    }

    /// `config.json`.
    public JsonNode config() {
        return config;
    }

    /// `generation_config.json`, or null.
    public JsonNode generationConfig() {
        return generationConfig;
    }

    /// Files that describe no weights: tokenizer, template, settings.
    public List<Path> others() throws IOException {
        return MlxQuantizer.others(path);
    }

    /// All tensors, valid until the scope closes; a quantized module is one logical matrix ([QuantizedWeights]).
    public Weights weights() {
        return weights(Map.of());
    }

    /// Like [#weights()], for formats whose files do not say the shape of a matrix: `shapes` gives it by weight name.
    public Weights weights(Map<String, long[]> shapes) {
        return QuantizedWeights.of(files, quantConfig, shapes, path);
    }

    /// Text of `tokenizer.json`, or null.
    public String tokenizerJson() {
        return tokenizerJson;
    }

    /// `tokenizer_config.json`, or null.
    public JsonNode tokenizerConfig() {
        return tokenizerConfig;
    }

    @Override
    public String chatTemplate() {
        return chatTemplate;
    }

    @Override
    public String modelHash() throws IOException {
        return ModelHashes.model(path, weightFiles, digests);
    }

    @Override
    public void requireManifest() throws IOException {
        List<Path> used = new ArrayList<>(weightFiles);
        for (String name : List.of("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                "added_tokens.json", "chat_template.jinja", "jang_config.json", "codebook_config.json", INDEX)) {
            if (Files.exists(path.resolve(name))) used.add(path.resolve(name));
        }
        PackManifest.require(path, used, digests);
    }

    @Override
    public List<String> origins(String modelHash) throws IOException {
        Path file = path.resolve(MANIFEST);
        if (!Files.exists(file)) return List.of();
        JsonNode manifest = Json.readObject(file, MAX_JSON, EngineFault.CONFIG_INVALID);
        List<String> issues = new ArrayList<>();
        differs(issues, "weights and config.json", manifest.path("model_hash"), modelHash);
        if (manifest.has("tokenizer_hash")) differs(issues, "the tokenizer's files", manifest.path("tokenizer_hash"), tokenizerHash);
        if (!issues.isEmpty()) {
            throw Fault.of(EngineFault.HASH_MISMATCH, "the model's files are not those that its manifest records").where(file).issues(issues)
                    .next("make or fetch the model again; without " + MANIFEST + " it opens as a model of unknown origin").exception();
        }
        List<String> origins = new ArrayList<>();
        for (JsonNode origin : manifest.path("origin")) origins.add(origin.path("model_hash").asString(""));
        return origins;
    }

    private static void differs(List<String> issues, String what, JsonNode recorded, String actual) {
        if (!recorded.asString("").equals(actual)) issues.add("%s: hash %s, recorded %s".formatted(what, actual, recorded.asString("none")));
    }

    @Override
    public String tokenizerHash() {
        return tokenizerHash;
    }
}
