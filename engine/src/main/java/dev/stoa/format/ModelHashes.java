// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.format.FileDigests.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Identities of a model directory by content; names inside the directory count, its own place does not.
///
/// A set of files hashes as SHA-256 over, for each name in code-unit order: u32 length and UTF-8 of the name,
/// u64 size, the 32 bytes of the file's SHA-256.
final class ModelHashes {
    private static final long MAX_JSON = 256L << 20;
    private static final List<String> TOKENIZER_FILES =
            List.of("added_tokens.json", "special_tokens_map.json", "tokenizer.json");

    private static final List<String> DESCRIBED = List.of("config", "tokenizer", "tokenizer_config", "processor_config");

    private ModelHashes() {}

    /// model_hash: the weight files and config.json.
    static String model(Path directory, List<Path> weightFiles, FileDigests digests) throws IOException {
        SortedMap<String, Digest> files = new TreeMap<>();
        for (Path file : weightFiles) files.put(file.getFileName().toString(), digests.of(file));
        files.put("config.json", digests.of(directory.resolve("config.json")));
        return hash(files);
    }

    /// tokenizer_hash: the tokenizer's files; tokenizer_config.json counts in canonical form without its
    /// `chat_template`, so that editing the template does not make another tokenizer.
    static String tokenizer(Path directory) throws IOException {
        SortedMap<String, Digest> files = new TreeMap<>();
        for (String name : TOKENIZER_FILES) {
            Path file = directory.resolve(name);
            if (Files.exists(file)) files.put(name, new Digest(Files.size(file), Sha256.digest(file)));
        }
        Path config = directory.resolve("tokenizer_config.json");
        if (Files.exists(config)) {
            ObjectNode tree = (ObjectNode) Json.readObject(config, MAX_JSON, EngineFault.TOKENIZER_INVALID);
            tree.remove("chat_template");
            byte[] canonical = Json.canonical(tree).getBytes(StandardCharsets.UTF_8);
            files.put("tokenizer_config.json", new Digest(canonical.length, new Sha256().bytes(canonical).digest()));
        }
        return hash(files);
    }

    /// model_hash of GGUF files: u64 size and SHA-256 of each in order, without names.
    static String gguf(List<Path> files, FileDigests digests) throws IOException {
        Sha256 sum = new Sha256();
        for (Path file : files) sum.u64(digests.of(file).size()).bytes(digests.of(file).sha256());
        return sum.hex();
    }

    /// tokenizer_hash of a GGUF file: the canonical JSON object of its `tokenizer.ggml.*` pairs, or null without any.
    static String tokenizer(GgufMetadata metadata) {
        ObjectNode tree = JsonNodeFactory.instance.objectNode();
        for (String key : metadata.keys()) if (key.startsWith("tokenizer.ggml.")) tree.set(key, json(metadata.get(key)));
        return tree.isEmpty() ? null : Sha256.hex(Json.canonical(tree));
    }

    private static JsonNode json(GgufValue value) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        ArrayNode items = json.arrayNode();
        for (int i = 0; i < value.size(); i++) {
            switch (value.value()) {
                case String text -> items.add(text);
                case Boolean flag -> items.add(flag);
                case boolean[] flags -> items.add(flags[i]);
                case List<?> texts -> items.add((String) texts.get(i));
                default -> {
                    if (value.integral()) items.add(value.integer(i));
                    else if (Double.isFinite(value.number(i))) items.add(value.number(i));
                    else items.add(String.valueOf(value.number(i))); // JSON has no such number
                }
            }
        }
        return value.array() ? items : items.get(0);
    }

    /// chat_template_hash: the text's UTF-8 bytes.
    static String template(String source) {
        return Sha256.hex(source);
    }

    /// `stoa-manifest.json` of a converted model directory (formats.md, section 12): its files with sizes and hashes, its
    /// own hashes, and as origin the model it was made from, whose `hash` is given.
    static ObjectNode manifest(Path directory, ModelFiles source, String hash) throws IOException {
        ArrayNode origin = JsonNodeFactory.instance.arrayNode();
        ObjectNode from = origin.addObject().put("model_hash", hash);
        if (source.tokenizerHash() != null) from.put("tokenizer_hash", source.tokenizerHash());
        PackManifest earlier = source instanceof ModelDirectory ? PackManifest.read(source.path()) : null;
        if (earlier != null) earlier.root().path("origin").forEach(origin::add);
        else for (String older : source.origins(hash)) origin.addObject().put("model_hash", older);
        return PackManifest.of(directory, new FileDigests(), Map.of("origin", origin)).root();
    }

    /// Puts the identities of a directory's model into its manifest, as far as the files for them are there.
    static void describe(Path directory, FileDigests digests, ObjectNode root) throws IOException {
        List<Path> weights = ModelDirectory.weightFiles(directory);
        List<Path> ggufs = AtomicFiles.list(directory).stream().filter(file -> file.getFileName().toString().endsWith(".gguf")).toList();
        Path config = directory.resolve("config.json");
        if (Files.exists(config)) {
            root.put("model_type", Json.readObject(config, MAX_JSON, EngineFault.CONFIG_INVALID).path("model_type").asString(""));
            if (!weights.isEmpty() && weights.stream().allMatch(Files::isRegularFile)) root.put("model_hash", model(directory, weights, digests));
        } else if (ggufs.size() == 1) {
            root.put("model_hash", gguf(ggufs, digests));
        }
        if (Files.exists(directory.resolve("tokenizer.json"))) root.put("tokenizer_hash", tokenizer(directory));
        for (String name : DESCRIBED) {
            Path file = directory.resolve(name + ".json");
            if (Files.exists(file)) root.put(name + "_sha256", digests.of(file).hex());
        }
        Path tokenizerConfig = directory.resolve("tokenizer_config.json");
        String template = ModelDirectory.template(directory,
                Files.exists(tokenizerConfig) ? Json.readObject(tokenizerConfig, MAX_JSON, EngineFault.TOKENIZER_INVALID) : null);
        if (template != null) root.put("chat_template_hash", template(template));
    }

    private static String hash(SortedMap<String, Digest> files) {
        Sha256 sum = new Sha256();
        files.forEach((name, file) -> sum.text(name).u64(file.size()).bytes(file.sha256()));
        return sum.hex();
    }
}
