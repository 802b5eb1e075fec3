// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.generate.GenerateConfig;
import dev.stoa.serve.pipeline.Backend;
import java.util.List;
import picocli.CommandLine.Option;

/// How to sample, the same for `run` and `chat`. What is not given comes from the model.
final class SamplingOptions {
    @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "512", description = "At most this many tokens (default: ${DEFAULT-VALUE}).")
    int maxTokens;

    @Option(names = "--temperature", paramLabel = "T", description = "0 is greedy (default: the model's).")
    Double temperature;

    @Option(names = "--top-p", paramLabel = "P", description = "Nucleus sampling.")
    Double topP;

    @Option(names = "--top-k", paramLabel = "K", description = "Only the K likeliest tokens (0: off).")
    Integer topK;

    @Option(names = "--seed", paramLabel = "N", description = "Same seed, same answer.")
    Long seed;

    @Option(names = "--stop", paramLabel = "TEXT", description = "End at this text (repeatable).")
    List<String> stop = List.of();

    @Option(names = "--thinking", paramLabel = "HOW", defaultValue = "show", description = "What the model thinks before it answers: show (dim, on stderr) or hide.")
    Thinking thinking;

    /// What becomes of reasoning.
    enum Thinking { SHOW, HIDE }

    GenerateConfig config(Backend.Defaults defaults) {
        return new GenerateConfig(
                maxTokens, temperature == null ? defaults.temperature() : temperature, topK == null ? defaults.topK() : topK,
                topP == null ? defaults.topP() : topP, 0, seed, stop, false, -1);
    }
}
