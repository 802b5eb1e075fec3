// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.EngineFault;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.Json;
import dev.stoa.format.ModelFiles;
import dev.stoa.generate.Engine;
import dev.stoa.generate.LoadConfig;
import dev.stoa.memory.MemoryStore;
import dev.stoa.route.Router;
import dev.stoa.serve.expert.Experts;
import dev.stoa.serve.pipeline.Backend;
import dev.stoa.template.dialect.Dialect;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A model ready to chat: its engine, its chat template, its sampling defaults. Closing it closes the engine.
public final class BaseModel implements AutoCloseable {
    private final Engine engine;
    private final ChatPrompts prompts;
    private final Backend.Model facts;

    private BaseModel(Engine engine, ChatPrompts prompts, Backend.Model facts) {
        this.engine = engine;
        this.prompts = prompts;
        this.facts = facts;
    }

    /// Loads a directory as transformers or mlx-lm save it, or a GGUF file. `id` is the name clients use; null takes the
    /// directory's or the file's.
    public static BaseModel open(LoadConfig config, String id) throws IOException {
        Engine engine = Engine.open(config);
        try {
            Dialect dialect = Dialect.of(engine.model().spec().modelType());
            ChatPrompts prompts = new ChatPrompts(engine.template(), engine.tokenizer(), engine.text().variables(), dialect);
            int limit = engine.model().spec().maxContext();
            int wished = engine.config().contextTokens();
            int context = wished == 0 ? limit : Math.min(limit, wished);
            String name = id == null ? name(config.model()) : id;
            Backend.Model facts = new Backend.Model(
                    name, engine.model().hash(), context, defaults(config.model()), engine.kernels().id(), dialect);
            return new BaseModel(engine, prompts, facts);
        } catch (IOException | RuntimeException failure) {
            engine.close();
            throw failure;
        }
    }

    public Engine engine() {
        return engine;
    }

    public ChatPrompts prompts() {
        return prompts;
    }

    public Backend.Model facts() {
        return facts;
    }

    /// What a server needs; `router` and `memory` may be null.
    public Backend backend(Experts experts, Router router, MemoryStore memory) {
        return new Backend(facts, engine, engine.tokenizer(), prompts, experts, router, memory);
    }

    private static String name(Path model) {
        String last = model.toAbsolutePath().normalize().getFileName().toString().replaceAll("(-00001-of-\\d{5})?\\.gguf$", "")
                .replaceAll("[^A-Za-z0-9._-]", "-");
        return last.isEmpty() ? "base" : last;
    }

    /// Sampling defaults of `generation_config.json` or of the GGUF metadata, where there are any.
    private static Backend.Defaults defaults(Path model) throws IOException {
        if (ModelFiles.isGguf(model)) {
            GgufMetadata metadata = Gguf.inspect(model).metadata();
            return defaults(JsonNodeFactory.instance.objectNode()
                    .put("temperature", metadata.number("general.sampling.temp", Backend.Defaults.PLAIN.temperature()))
                    .put("top_p", metadata.number("general.sampling.top_p", Backend.Defaults.PLAIN.topP()))
                    .put("top_k", metadata.number("general.sampling.top_k", Backend.Defaults.PLAIN.topK())));
        }
        Path file = model.resolve("generation_config.json");
        return Files.isRegularFile(file) ? defaults(Json.readObject(file, 1 << 20, EngineFault.CONFIG_INVALID)) : Backend.Defaults.PLAIN;
    }

    private static Backend.Defaults defaults(JsonNode generation) {
        Backend.Defaults plain = Backend.Defaults.PLAIN;
        double temperature = number(generation, "temperature", 0, 2, plain.temperature());
        double topP = number(generation, "top_p", 1e-9, 1, plain.topP());
        int topK = (int) number(generation, "top_k", 0, 1_000_000, plain.topK());
        return new Backend.Defaults(temperature, topP, topK);
    }

    /// A value outside its range is no reason to refuse a model: then the plain default counts.
    private static double number(JsonNode node, String name, double min, double max, double otherwise) {
        JsonNode value = node.get(name);
        if (value == null || !value.isNumber()) return otherwise;
        double number = value.asDouble();
        return number >= min && number <= max ? number : otherwise;
    }

    @Override
    public void close() {
        engine.close();
    }
}
