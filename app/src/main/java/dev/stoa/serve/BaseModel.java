// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.EngineFault;
import dev.stoa.format.Json;
import dev.stoa.generate.Engine;
import dev.stoa.generate.LoadConfig;
import dev.stoa.memory.MemoryStore;
import dev.stoa.route.Router;
import dev.stoa.serve.expert.Experts;
import dev.stoa.serve.pipeline.Backend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/// A model directory ready to chat: its engine, its chat template, its sampling defaults. Closing it closes the engine.
public final class BaseModel implements AutoCloseable {
    private final Engine engine;
    private final ChatPrompts prompts;
    private final Backend.Model facts;

    private BaseModel(Engine engine, ChatPrompts prompts, Backend.Model facts) {
        this.engine = engine;
        this.prompts = prompts;
        this.facts = facts;
    }

    /// Loads a directory as transformers saves it. `id` is the name clients use; null takes the directory's.
    public static BaseModel open(LoadConfig config, String id) throws IOException {
        Engine engine = Engine.open(config);
        try {
            ChatPrompts prompts = new ChatPrompts(engine.template(), engine.tokenizer(), engine.text().variables());
            int limit = engine.model().spec().maxContext();
            int context = config.contextTokens() == 0 ? limit : Math.min(limit, config.contextTokens());
            String name = id == null ? name(config.model()) : id;
            Backend.Model facts = new Backend.Model(
                    name, engine.model().hash(), context, defaults(config.model()), engine.kernels().id());
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

    private static String name(Path directory) {
        String last = directory.toAbsolutePath().normalize().getFileName().toString().replaceAll("[^A-Za-z0-9._-]", "-");
        return last.isEmpty() ? "base" : last;
    }

    /// Sampling defaults of `generation_config.json`, where there is one.
    private static Backend.Defaults defaults(Path directory) throws IOException {
        Backend.Defaults plain = Backend.Defaults.PLAIN;
        Path file = directory.resolve("generation_config.json");
        if (!Files.isRegularFile(file)) return plain;
        JsonNode generation = Json.readObject(file, 1 << 20, EngineFault.CONFIG_INVALID);
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
