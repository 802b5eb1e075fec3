// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.List;
import java.util.Set;

/// How to sample and when to stop. `seed` null means random; `topK` 0 and `topP` 1 mean off;
/// temperature 0 is greedy with the lowest id on ties. `logprobs` -1 is off, else the number of alternatives.
/// `shown` are special tokens whose text is part of the answer's: markers that whoever reads it takes apart.
public record GenerateConfig(
        int maxTokens, double temperature, int topK, double topP, double minP, Long seed, List<String> stop,
        boolean ignoreEos, int logprobs, Set<Integer> shown) {
    public static final GenerateConfig DEFAULT = new GenerateConfig(512, 0.7, 0, 1, 0, null, List.of(), false, -1);

    public GenerateConfig {
        check(maxTokens >= 1, "maxTokens", maxTokens, "at least 1");
        check(temperature >= 0 && temperature <= 2, "temperature", temperature, "between 0 and 2");
        check(topK >= 0, "topK", topK, "0 (off) or more");
        check(topP > 0 && topP <= 1, "topP", topP, "in (0, 1]");
        check(minP >= 0 && minP <= 1, "minP", minP, "in [0, 1]");
        check(logprobs >= -1 && logprobs <= 20, "logprobs", logprobs, "between -1 and 20");
        check(stop.size() <= 16, "stop", stop.size(), "at most 16 strings");
        for (String text : stop) check(!text.isEmpty(), "stop", "an empty string", "non-empty strings");
        stop = List.copyOf(stop);
        shown = Set.copyOf(shown);
    }

    /// With every special token invisible.
    public GenerateConfig(int maxTokens, double temperature, int topK, double topP, double minP, Long seed, List<String> stop,
            boolean ignoreEos, int logprobs) {
        this(maxTokens, temperature, topK, topP, minP, seed, stop, ignoreEos, logprobs, Set.of());
    }

    private static void check(boolean ok, String name, Object got, String expected) {
        if (!ok) throw Fault.of(EngineFault.OUT_OF_RANGE, "%s is out of range", name).got(got).expected(expected).exception();
    }

    /// Greedy decoding of at most `maxTokens` tokens.
    public static GenerateConfig greedy(int maxTokens) {
        return new GenerateConfig(maxTokens, 0, 0, 1, 0, 0L, List.of(), false, -1);
    }
}
