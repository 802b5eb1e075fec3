// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.generate.LoadConfig;
import dev.stoa.serve.BaseModel;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// How to load a model, the same for every verb that runs one.
final class ModelOptions {
    @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto", description = "auto, foreign, vector or scalar.")
    String kernels;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Compute threads (0: one per processor).")
    int threads;

    @Option(names = "--context", paramLabel = "N", defaultValue = "0", description = "Context tokens (0: the model's, or what fits the memory).")
    int context;

    @Option(names = "--cache-mode", paramLabel = "MODE", defaultValue = "auto",
            description = "auto (windowed layers keep their window), bounded (keep all) or rotating (go on past the context: keep the first 4 tokens and the newest).")
    String cacheMode;

    @Option(names = "--prefix-cache", paramLabel = "MIB", defaultValue = "512",
            description = "Memory for the beginnings of earlier prompts, which prompts that begin alike need not compute (0: none).")
    int prefixCache;

    @Option(names = "--kv-memory", paramLabel = "MIB", defaultValue = "0",
            description = "Memory for the caches of running requests (0: what weights and heap leave of this machine's).")
    int kvMemory;

    LoadConfig config(Path directory) {
        return LoadConfig.of(directory).withKernels(kernels, threads).withContext(context).withCacheMode(cacheMode)
                .withPrefixBytes((long) prefixCache << 20).withKvBytes((long) kvMemory << 20);
    }

    /// Loads a model and says what was chosen.
    BaseModel open(Path directory, String id, Console console) throws IOException {
        return open(config(directory), id, console);
    }

    static BaseModel open(LoadConfig config, String id, Console console) throws IOException {
        long start = System.nanoTime();
        BaseModel model = BaseModel.open(config, id);
        console.detail("loaded %s in %.1f s, %s", config.model(), (System.nanoTime() - start) / 1e9, model.engine().kernels().reason());
        LoadConfig used = model.engine().config();
        console.detail("%,d tokens of context, %,d MiB for running requests, %,d MiB for kept prompts", model.facts().contextTokens(),
                used.kvBytes() >> 20, used.prefixBytes() >> 20);
        if (!model.prompts().hasTemplate()) {
            console.warn("%s has no chat template: messages are joined as plain text", config.model());
        }
        return model;
    }
}
