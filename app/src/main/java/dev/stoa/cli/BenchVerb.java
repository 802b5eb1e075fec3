// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.GenerateConfig;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator;
import dev.stoa.serve.BaseModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa bench MODEL`: how fast this machine decodes, alone and in a batch. Kernel limits are measured by the bench
/// module.
@Command(name = "bench", sortOptions = false, description = "Measure decoding on this machine.",
        footer = {"", "Examples:", "  stoa bench base", "  stoa bench base --batch 8 --runs 5"})
final class BenchVerb implements Callable<Integer> {
    private static final int WARM_UP_RUNS = 2;
    private final Session session;

    @Parameters(paramLabel = "MODEL", arity = "0..1", description = "A model directory or a GGUF file.")
    private Path directory;

    @Option(names = "--prompt-tokens", defaultValue = "64", paramLabel = "N", description = "Prompt length (default: ${DEFAULT-VALUE}).")
    private int promptTokens;

    @Option(names = "--tokens", defaultValue = "64", paramLabel = "N", description = "Tokens to generate (default: ${DEFAULT-VALUE}).")
    private int tokens;

    @Option(names = "--batch", defaultValue = "1", paramLabel = "N", description = "Requests at once (default: ${DEFAULT-VALUE}).")
    private int batch;

    @Option(names = "--runs", defaultValue = "3", paramLabel = "N", description = "Measured runs (default: ${DEFAULT-VALUE}).")
    private int runs;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    BenchVerb(Session session) {
        this.session = session;
    }

    static CommandLine commandLine(Session session) {
        CommandLine line = new CommandLine(new BenchVerb(session)).addSubcommand(new BenchLogitsVerb(session))
                .addSubcommand(new BenchTokensVerb(session)).addSubcommand(new BenchTemplateVerb(session)).addSubcommand(new BenchSynthVerb(session)).addSubcommand(new BenchLimitsVerb(session)).addSubcommand(new BenchTrainVerb(session));
        BenchSpeedVerb.addTo(line, session);
        return line;
    }

    @Override
    public Integer call() throws IOException {
        if (directory == null) throw Fault.of(AppFault.USAGE, "a model or a verb is missing").next("stoa bench --help").exception();
        Console console = session.console("bench");
        try (BaseModel loaded = model.open(directory, null, console)) {
            List<Double> rates = new ArrayList<>();
            List<Double> firsts = new ArrayList<>();
            int answers = 0;
            for (int run = -WARM_UP_RUNS; run < runs; run++) {
                long start = System.nanoTime();
                List<Generator.Generation> done = loaded.engine().generateAll(requests(loaded), Context.NONE);
                double seconds = (System.nanoTime() - start) / 1e9;
                if (run < 0) continue;
                rates.add(done.stream().mapToInt(one -> one.tokens().length).sum() / seconds);
                firsts.add(done.stream().mapToDouble(one -> one.usage().firstTokenMs()).max().orElse(0));
                answers = Arrays.hashCode(done.getFirst().tokens());
            }
            Collections.sort(rates);
            Collections.sort(firsts);
            console.line("%s", loaded.engine().kernels().reason());
            console.line("%d requests of %d + %d tokens: median %.1f tokens/s (%.1f to %.1f), first token %.0f ms, %d runs",
                    batch, promptTokens, tokens, rates.get(runs / 2), rates.getFirst(), rates.getLast(), firsts.get(runs / 2), runs);
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("kernels", loaded.engine().kernels().reason());
            facts.put("tokens_per_second", rates);
            facts.put("first_token_ms", firsts);
            facts.put("answer_hash", answers);
            console.result(facts);
            return ExitCode.DONE.number;
        }
    }

    /// The same prompts in every run: ids spread over the vocabulary.
    private List<GenerateRequest> requests(BaseModel loaded) {
        int vocab = loaded.engine().model().spec().vocab();
        List<GenerateRequest> all = new ArrayList<>();
        for (int row = 0; row < batch; row++) {
            int[] prompt = new int[promptTokens];
            for (int i = 0; i < promptTokens; i++) prompt[i] = Math.floorMod((row * 31 + i) * 7919 + 13, vocab);
            GenerateConfig config = new GenerateConfig(tokens, 0, 0, 1, 0, 0L, List.of(), true, -1);
            all.add(new GenerateRequest(prompt, config, AdapterSet.BASE, Compose.SUM, 5));
        }
        return all;
    }
}
