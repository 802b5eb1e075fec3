// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.Json;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.QuantConfig;
import dev.stoa.format.QuantizedWeights;
import dev.stoa.format.Safetensors;
import dev.stoa.format.ShardedSafetensors;
import dev.stoa.format.Weights;
import dev.stoa.model.ConfigReader;
import dev.stoa.model.TensorDirectory;
import dev.stoa.model.family.Families;
import dev.stoa.model.pack.PackIssue.Code;
import dev.stoa.tensor.Scope;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/// Inspects a Hugging Face or MLX directory. Each part is looked at even when another one is missing or wrong.
final class DirectoryInspection {
    private static final String CONFIG = "config.json";
    private static final long MAX_JSON = 256L << 20;

    private final Path directory;
    private final Scope scope;
    private final Inspection found;
    private final Issues issues;
    private final JsonNode config;

    private DirectoryInspection(Path directory, Scope scope) throws IOException {
        this.directory = directory;
        this.scope = scope;
        Issues first = new Issues();
        this.config = Files.exists(directory.resolve(CONFIG)) ? first.attempt(Code.CONFIG_INVALID, CONFIG, () -> object(CONFIG)) : null;
        this.found = new Inspection(config != null && config.hasNonNull("quantization") ? "mlx" : "safetensors");
        this.issues = found.issues();
        issues.all().addAll(first.all());
        if (!Files.exists(directory.resolve(CONFIG))) {
            issues.add(Code.CONFIG_MISSING, CONFIG, null, "no such file", "the model's shape",
                    Files.exists(directory.resolve("adapter_config.json")) ? "this is an adapter: name its base" : "fetch config.json");
        }
    }

    static Inspection run(Path directory, Scope scope) throws IOException {
        DirectoryInspection inspection = new DirectoryInspection(directory, scope);
        Weights files = inspection.files();
        inspection.model(files);
        inspection.text();
        inspection.adapters();
        return inspection.found;
    }

    private JsonNode object(String name) throws IOException {
        return Json.readObject(directory.resolve(name), MAX_JSON, EngineFault.CONFIG_INVALID);
    }

    /// The tensors as the files hold them, or null after their problem was noted.
    private Weights files() throws IOException {
        String index = "model.safetensors.index.json";
        List<Path> expected = issues.attempt(Code.WEIGHTS_INVALID, index, () -> ModelDirectory.weightFiles(directory));
        if (expected == null) return null;
        if (expected.isEmpty()) {
            List<String> pickles = ModelDirectory.pickles(directory);
            issues.add(Code.WEIGHTS_MISSING, "model.safetensors", null, pickles.isEmpty() ? "no weight file" : "pickle files, which are never read: "
                    + String.join(", ", pickles), "model.safetensors, or " + index + " with its shards", pickles.isEmpty() ? "fetch the weights" : "convert to safetensors");
            return null;
        }
        long bytes = 0;
        boolean complete = true;
        for (Path file : expected) {
            if (Files.isRegularFile(file)) {
                bytes += Files.size(file);
                continue;
            }
            complete = false;
            issues.add(Code.SHARD_MISSING, file.getFileName().toString(), null, "no such file", "a shard that " + index + " names", "fetch the file");
        }
        found.bytes(bytes);
        if (!complete) return null;
        boolean sharded = Files.exists(directory.resolve(index));
        return issues.attempt(Code.WEIGHTS_INVALID, sharded ? index : "model.safetensors", () -> sharded
                ? ShardedSafetensors.open(directory.resolve(index), scope) : Safetensors.open(directory.resolve("model.safetensors"), scope));
    }

    private void model(Weights files) throws IOException {
        if (config == null) return;
        QuantConfig quant = issues.attempt(Code.QUANT_CONFLICT, CONFIG, () -> QuantConfig.read(directory, config));
        Weights weights = files == null || quant == null ? null
                : issues.attempt(Code.QUANT_CONFLICT, CONFIG, () -> QuantizedWeights.of(files, quant, Map.of(), directory));
        Map<String, long[]> shapes = new TreeMap<>();
        Weights known = weights == null ? files : weights;
        if (known != null) for (String name : known.names()) shapes.put(name, known.find(name).shape());
        try {
            found.spec(Families.translate(config, new TensorDirectory(shapes, TensorDirectory.Container.SAFETENSORS)));
        } catch (FaultException refused) {
            boolean type = refused.fault().code() == EngineFault.CONFIG_UNKNOWN_TYPE;
            issues.refused(type ? Code.CONFIG_UNKNOWN_TYPE : Code.CONFIG_INVALID, CONFIG, refused.fault());
        }
        if (found.spec() != null && weights != null) {
            found.tensors(weights, Files.exists(directory.resolve("model.safetensors.index.json")) ? "model.safetensors.index.json" : "model.safetensors");
        }
    }

    private void text() throws IOException {
        JsonNode settings = optional("tokenizer_config.json", Code.TOKENIZER_UNSUPPORTED);
        String template = issues.attempt(Code.TEMPLATE_UNPARSABLE, "tokenizer_config.json", () -> ModelDirectory.template(directory, settings));
        Tokenizer tokenizer = null;
        String kind = null;
        String hash = null;
        if (Files.exists(directory.resolve("tokenizer.json"))) {
            String json = issues.attempt(Code.TOKENIZER_UNSUPPORTED, "tokenizer.json",
                    () -> Json.readText(directory.resolve("tokenizer.json"), MAX_JSON, EngineFault.TOKENIZER_INVALID));
            tokenizer = json == null ? null : issues.attempt(Code.TOKENIZER_UNSUPPORTED, "tokenizer.json", () -> TokenizerJson.parse(json));
            if (tokenizer != null) kind = object("tokenizer.json").path("model").path("type").asString("BPE");
            if (tokenizer != null) hash = issues.attempt(Code.TOKENIZER_UNSUPPORTED, "tokenizer_config.json", () -> ModelDirectory.tokenizerHash(directory));
        } else if (Files.exists(directory.resolve("tokenizer.model"))) {
            issues.add(Code.TOKENIZER_UNSUPPORTED, "tokenizer.model", null, "a SentencePiece model", "tokenizer.json", "save the tokenizer with AutoTokenizer.save_pretrained");
        } else {
            issues.add(Code.TOKENIZER_MISSING, "tokenizer.json", null, "no such file", "a tokenizer", "fetch tokenizer.json");
        }
        TextFacts text = new TextFacts(tokenizer, kind, hash, template);
        found.text(text);
        String file = Files.exists(directory.resolve("chat_template.jinja")) ? "chat_template.jinja" : "tokenizer_config.json";
        text.check(found.spec(), eosIds(settings, tokenizer), CONFIG, file, issues);
    }

    private JsonNode optional(String name, Code code) throws IOException {
        return Files.exists(directory.resolve(name)) ? issues.attempt(code, name, () -> object(name)) : null;
    }

    /// As the engine will read them: config.json, generation_config.json and the token tokenizer_config.json names.
    private Set<Integer> eosIds(JsonNode settings, Tokenizer tokenizer) throws IOException {
        Set<Integer> ids = new TreeSet<>();
        if (found.spec() != null) ids.addAll(found.spec().eosIds());
        JsonNode generation = optional("generation_config.json", Code.CONFIG_INVALID);
        if (generation != null && generation.hasNonNull("eos_token_id")) {
            List<Integer> named = ConfigReader.readIds(generation.get("eos_token_id"));
            if (named != null) ids.addAll(named);
            else issues.add(Code.CONFIG_INVALID, "generation_config.json", null, generation.get("eos_token_id"), "an id or a list of ids", "correct eos_token_id");
        }
        JsonNode token = settings == null ? null : settings.get("eos_token");
        if (token != null && token.isObject()) token = token.get("content");
        if (token != null && token.isString() && tokenizer != null && tokenizer.id(token.stringValue()) >= 0) ids.add(tokenizer.id(token.stringValue()));
        return ids;
    }

    private void adapters() throws IOException {
        try (Stream<Path> inside = Files.list(directory)) {
            inside.filter(child -> Files.exists(child.resolve("adapter_config.json"))).map(child -> child.getFileName().toString()).sorted().forEach(found::adapter);
        }
    }
}
