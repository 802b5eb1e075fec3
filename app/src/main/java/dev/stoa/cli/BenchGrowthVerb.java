// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.cache.CacheLayout;
import dev.stoa.generate.LoadConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa bench growth`: whether memory stays flat while answers grow.
@Command(name = "growth", sortOptions = false, description = "Let answers grow and watch memory: fails when more than the planned caches grows.",
        footer = {"", "Examples:", "  stoa bench growth --model model.gguf", "  stoa bench growth --model DIR --tokens 128,1024 --cache-mode auto --json"})
final class BenchGrowthVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "A model directory or a GGUF file.")
    private Path path;

    @Option(names = "--tokens", paramLabel = "N", split = ",", defaultValue = "128,512,1024,2048,4096",
            description = "Lengths of the answers, rising (default: ${DEFAULT-VALUE}).")
    private List<Integer> lengths;

    @Option(names = "--cache-mode", paramLabel = "MODE", split = ",", defaultValue = "auto,bounded,rotating", description = "Cache modes (default: ${DEFAULT-VALUE}).")
    private List<String> modes;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Compute threads (0: one per processor).")
    private int threads;

    @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto", description = "auto, foreign, vector or scalar.")
    private String kernels;

    BenchGrowthVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        for (int i = 0; i < lengths.size(); i++) {
            if (lengths.get(i) >= 4 && (i == 0 || lengths.get(i) > lengths.get(i - 1))) continue;
            throw Fault.of(AppFault.USAGE, "lengths of answers must rise").where("--tokens").got(lengths).expected("numbers from 4 on, rising").exception();
        }
        modes.forEach(CacheLayout::checkMode);
        Console console = session.console("bench growth");
        List<String> problems = new ArrayList<>();
        List<Object> rows = new ArrayList<>();
        Map<Integer, String> greedy = new LinkedHashMap<>();
        console.line("%-9s %-7s %7s %12s %12s %12s %9s %9s %9s", "mode", "draw", "tokens", "peak", "caches", "overhead", "residual", "bytes/tok", "tokens/s");
        for (String mode : modes) {
            for (boolean sampled : new boolean[] {false, true}) {
                LoadConfig config = LoadConfig.of(path).withKernels(kernels, threads).withCacheMode(mode);
                List<GrowthRun> runs = new ArrayList<>();
                if (rows.isEmpty()) GrowthRun.measure(config, lengths.getFirst(), sampled, (engine, event) -> {}); // classes and compiled code
                for (int tokens : lengths) {
                    GrowthRun run = GrowthRun.measure(config, tokens, sampled, (engine, event) -> {});
                    runs.add(run);
                    rows.add(facts(mode, sampled, run));
                    console.event("run", facts(mode, sampled, run));
                    console.line("%-9s %-7s %7d %12d %12d %12d %9d %9.0f %9.1f", mode, sampled ? "sampled" : "greedy", tokens, run.peakBytes(), run.plannedBytes(),
                            run.overheadBytes(), run.residualBytes(), run.allocatedPerToken(), run.tokensPerSecond());
                    String first = sampled ? run.hash() : greedy.computeIfAbsent(tokens, _ -> run.hash());
                    if (!first.equals(run.hash())) problems.add(mode + ": another answer of " + tokens + " tokens than with " + modes.getFirst());
                }
                for (String problem : GrowthRun.problems(runs)) problems.add(mode + (sampled ? ", sampled: " : ", greedy: ") + problem);
            }
        }
        for (String problem : problems) console.line("not flat: %s", problem);
        if (problems.isEmpty()) console.line("flat");
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("flat", problems.isEmpty());
        data.put("problems", problems);
        data.put("runs", rows);
        console.result(data);
        return problems.isEmpty() ? ExitCode.DONE.number : ExitCode.NEGATIVE.number;
    }

    private static Map<String, Object> facts(String mode, boolean sampled, GrowthRun run) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("cache_mode", mode);
        facts.put("sampled", sampled);
        facts.put("tokens", run.tokens());
        facts.put("peak_bytes", run.peakBytes());
        facts.put("planned_kv_bytes", run.plannedBytes());
        facts.put("overhead_bytes", run.overheadBytes());
        facts.put("residual_bytes", run.residualBytes());
        facts.put("heap_bytes", run.heapBytes());
        facts.put("allocated_per_token", run.allocatedPerToken());
        facts.put("tokens_per_s", run.tokensPerSecond());
        facts.put("output_token_ids_sha256", run.hash());
        return facts;
    }
}
