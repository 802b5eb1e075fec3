// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.EngineFault;
import dev.stoa.eval.world.ItemEncoder;
import dev.stoa.eval.world.World;
import dev.stoa.format.Json;
import dev.stoa.generate.Engine;
import dev.stoa.generate.LoadConfig;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.nio.file.Path;

/// What the phases share: options, the world, places on disk, and the base once it is loaded. One thread.
final class Workbench implements AutoCloseable {
    private static final long TOKENIZER_LIMIT = 16L << 20;
    final DemoOptions options;
    final DemoSettings settings;
    final DemoProgress progress;
    final World world;
    private Path base;
    private ItemEncoder encoder;
    private Engine engine;

    Workbench(DemoOptions options, DemoProgress progress) {
        this.options = options;
        this.settings = DemoSettings.of(options.size());
        this.progress = progress;
        this.world = World.of(options.seed(), options.size());
    }

    Path tokenizerFile() {
        return options.out().resolve("world").resolve("tokenizer.json");
    }

    /// Directory of an expert's adapter, written by the experts phase.
    Path adapter(String name) {
        return options.out().resolve("experts").resolve(name);
    }

    Path library() {
        return options.out().resolve("library");
    }

    Path router() {
        return options.out().resolve("router");
    }

    /// The trained base, known once its phase is done.
    void base(Path directory) {
        base = directory;
    }

    Path base() {
        if (base == null) throw new IllegalStateException("the base is not trained yet");
        return base;
    }

    Tokenizer tokenizer() throws IOException {
        return TokenizerJson.parse(Json.readText(tokenizerFile(), TOKENIZER_LIMIT, EngineFault.TOKENIZER_INVALID));
    }

    ItemEncoder encoder() throws IOException {
        if (encoder == null) encoder = new ItemEncoder(tokenizer());
        return encoder;
    }

    /// The base as an engine with room for large evaluation batches.
    Engine engine() throws IOException {
        if (engine == null) engine = Engine.open(loadConfig());
        return engine;
    }

    /// How the demo loads its base: small sequences, many at once.
    LoadConfig loadConfig() {
        return LoadConfig.of(base()).withKernels(options.kernels(), options.threads()).withConcurrency(128, 4096)
                .withPrefill(512, 1000).withKvBytes(256L << 20);
    }

    /// Frees the engine, for phases that need its memory.
    void closeEngine() {
        if (engine != null) engine.close();
        engine = null;
    }

    @Override
    public void close() {
        closeEngine();
    }
}
