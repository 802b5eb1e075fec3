// SPDX-License-Identifier: Apache-2.0
package dev.stoa.bench;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.Engine;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator.Generation;
import dev.stoa.generate.LoadConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/// Time to the first token of a prompt that an earlier one began, against computing it: random tokens, greedy. Every round
/// is another prompt, asked twice; the second finds all full blocks but the last one. Prints both, their ratio, and fails
/// when the two answers differ.
///
/// Arguments: model, prompt tokens, rounds, threads.
public final class PrefixSpeed {
    private static final int ANSWER = 16;

    private PrefixSpeed() {}

    public static void main(String[] args) throws IOException {
        int tokens = Integer.parseInt(args[1]), rounds = Integer.parseInt(args[2]), threads = Integer.parseInt(args[3]);
        LoadConfig config = LoadConfig.of(Path.of(args[0])).withKernels("auto", threads).withContext(tokens + ANSWER + 1)
                .withPrefill(512, 1e6).withKvBytes(2L << 30).withPrefixBytes(2L << 30);
        double[] cold = new double[rounds], warm = new double[rounds], ratio = new double[rounds];
        try (Engine engine = Engine.open(config)) {
            System.out.println(engine.kernels().reason());
            for (int round = 0; round < rounds; round++) {
                int[] prompt = new SplittableRandom(round).ints(tokens, 0, engine.model().spec().vocab()).toArray();
                double before = engine.stats().prefix().restoreMillis();
                Generation first = answer(engine, prompt), second = answer(engine, prompt);
                if (!Arrays.equals(first.tokens(), second.tokens())) throw new IllegalStateException("the warm answer differs");
                cold[round] = first.usage().firstTokenMs();
                warm[round] = second.usage().firstTokenMs();
                ratio[round] = cold[round] / warm[round];
                double copied = engine.stats().prefix().restoreMillis() - before;
                int cached = second.usage().cachedTokens();
                System.out.printf(Locale.ROOT, "round %d: cold %.0f ms, warm %.1f ms, ratio %.1f; %d of %d tokens restored in %.1f ms, "
                        + "computing them took %.0f times as long; equal tokens%n", round, cold[round], warm[round], ratio[round], cached,
                        tokens, copied, (cold[round] - warm[round]) / copied);
            }
            System.out.printf(Locale.ROOT, "median of %d: cold %.0f ms, warm %.1f ms, ratio %.1f; %s%n", rounds, median(cold), median(warm),
                    median(ratio), engine.stats().prefix());
        }
    }

    private static Generation answer(Engine engine, int[] prompt) {
        GenerateConfig greedy = new GenerateConfig(ANSWER, 0, 0, 1, 0, 0L, List.of(), true, -1);
        return engine.generate(new GenerateRequest(prompt, greedy, AdapterSet.BASE, Compose.SUM, 5), Context.NONE);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
