// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.Compose;
import dev.stoa.kernel.Limits;
import dev.stoa.tensor.DType;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa bench decode|prefill|batch|adapters|groups`: how fast a whole model runs here, as a share of what the machine can do at
/// the same moment. `--paced` lets a program that measures another engine take turns with this one.
@Command(sortOptions = false)
final class BenchSpeedVerb implements Callable<Integer> {
    /// What is timed.
    enum Workload {
        DECODE("Time single tokens, one after another.", 1, 48), PREFILL("Time one prompt.", 1, 512),
        BATCH("Time single tokens of several sequences at once.", 8, 24),
        ADAPTERS("Time several sequences at once: without adapter, with the same one, each with its own.", 8, 24),
        GROUPS("Time one request: on one adapter, on the base and two, on the base and four, combined at the logits.", 1, 24);

        final String title;
        final int rows;
        final int tokens;

        Workload(String title, int rows, int tokens) {
            this.title = title;
            this.rows = rows;
            this.tokens = tokens;
        }
    }

    private static final int WARM_UP_RUNS = 3;
    private static final int LIMIT_SAMPLES = 11;
    private final Session session;
    private final Workload workload;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "A model directory or a GGUF file.")
    private Path path;

    @Option(names = "--tokens", paramLabel = "N", description = "Tokens of the prompt, or steps per run.")
    private Integer tokens;

    @Option(names = "--after", paramLabel = "N", defaultValue = "0", description = "Tokens of prompt before the timed steps (default: ${DEFAULT-VALUE}).")
    private int after;

    @Option(names = "--rows", paramLabel = "N", description = "Sequences at once.")
    private Integer rows;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Compute threads (0: one per processor).")
    private int threads;

    @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto", description = "auto, foreign, vector or scalar.")
    private String kernels;

    @Option(names = "--adapter", paramLabel = "DIR|FILE", description = "An adapter for all rows; several: for the rows in turn.")
    private List<Path> adapters = List.of();

    @Option(names = "--random-adapters", paramLabel = "N", defaultValue = "0", description = "So many random adapters on all linear layers instead.")
    private int randomAdapters;

    @Option(names = "--rank", paramLabel = "N", defaultValue = "8", description = "Rank of random adapters (default: ${DEFAULT-VALUE}).")
    private int rank;

    @Option(names = "--factors", paramLabel = "TYPE", defaultValue = "BF16", description = "Type of random adapters: F32, F16 or BF16 (default: ${DEFAULT-VALUE}).")
    private DType factors;

    @Option(names = "--runs", paramLabel = "N", defaultValue = "7", description = "Measured runs (default: ${DEFAULT-VALUE}).")
    private int runs;

    @Option(names = "--paced", hidden = true, description = "Run once for each line of input: WORKLOAD ROWS TOKENS; an event tells each result.")
    private boolean paced;

    private BenchSpeedVerb(Session session, Workload workload) {
        this.session = session;
        this.workload = workload;
    }

    static void addTo(CommandLine bench, Session session) {
        for (Workload workload : Workload.values()) {
            String name = workload.name().toLowerCase(Locale.ROOT);
            CommandLine line = new CommandLine(new BenchSpeedVerb(session, workload));
            line.getCommandSpec().usageMessage().description(workload.title)
                    .footer("", "Examples:", "  stoa bench " + name + " --model model.gguf --runs 9", "  stoa bench " + name + " --model DIR --kernels vector --json");
            bench.addSubcommand(name, line);
        }
    }

    @Override
    public Integer call() throws IOException {
        String name = workload.name().toLowerCase(Locale.ROOT);
        Console console = session.console("bench " + name);
        int count = tokens == null ? workload.tokens : tokens;
        int width = rows == null ? workload.rows : rows;
        check("--tokens", count, 1 << 20);
        check("--rows", width, 1024);
        check("--runs", runs, 10_000);
        checkFactors(rank, factors);
        if (after != 0) check("--after", after, 1 << 20);
        int context = Math.max(after + count, paced ? 1024 : 0) + 8;
        try (SpeedModel model = new SpeedModel(path, kernels, threads, paced ? Math.max(8, width) : width, context)) {
            List<AdapterSet> sets = sets(model);
            if (paced) return paced(console, model, sets);
            for (int run = 0; run < WARM_UP_RUNS; run++) samples(model, workload, width, after, count, sets);
            Limits limits = Limits.measure(model.kernels(), model.scope(), LIMIT_SAMPLES);
            Map<String, List<Double>> rates = new LinkedHashMap<>();
            int hash = 0;
            for (int run = 0; run < runs; run++) {
                for (Map.Entry<String, SpeedModel.Sample> one : samples(model, workload, width, after, count, sets).entrySet()) {
                    rates.computeIfAbsent(one.getKey(), _ -> new ArrayList<>()).add(one.getValue().rate());
                    console.event("run", Map.of("rows", one.getKey(), "tokens_per_s", one.getValue().rate()));
                    hash = one.getValue().hash();
                }
            }
            report(console, model, limits, rates, width, count, hash);
            return ExitCode.DONE.number;
        }
    }

    static void checkFactors(int rank, DType factors) {
        check("--rank", rank, 1024);
        if (factors == DType.F32 || factors == DType.F16 || factors == DType.BF16) return;
        throw Fault.of(AppFault.USAGE, "factors cannot have this type").where("--factors").got(factors).expected("F32, F16 or BF16").exception();
    }

    private static void check(String option, int value, int most) {
        if (value >= 1 && value <= most) return;
        throw Fault.of(AppFault.USAGE, "a number is out of range").where(option).got(value).expected("1 to " + most).exception();
    }

    private List<AdapterSet> sets(SpeedModel model) throws IOException {
        List<AdapterSet> sets = new ArrayList<>();
        for (Path adapter : adapters) sets.add(model.adapter(adapter));
        int random = randomAdapters > 0 || !sets.isEmpty() ? randomAdapters : switch (workload) {
            case ADAPTERS -> workload.rows;
            case GROUPS -> AdapterSet.LIMIT;
            case DECODE, PREFILL, BATCH -> 0;
        };
        for (int i = 0; i < random; i++) sets.add(AdapterSet.of(model.randomAdapter(rank, factors, i)));
        if (sets.isEmpty()) sets.add(AdapterSet.BASE);
        return sets;
    }

    /// One run of each thing that the workload compares; the last is the workload's own result.
    private static Map<String, SpeedModel.Sample> samples(SpeedModel model, Workload workload, int rows, int after, int tokens, List<AdapterSet> sets) {
        Map<String, SpeedModel.Sample> samples = new LinkedHashMap<>();
        switch (workload) {
            case PREFILL -> {
                if (sets.getFirst() != AdapterSet.BASE) samples.put("none", model.prefill(tokens, AdapterSet.BASE));
                samples.put("prefill", model.prefill(tokens, sets.getFirst()));
            }
            case DECODE, BATCH -> samples.put("decode", model.decode(rows, after, tokens, sets));
            case ADAPTERS -> {
                samples.put("none", model.decode(rows, after, tokens, List.of(AdapterSet.BASE)));
                samples.put("same", model.decode(rows, after, tokens, sets.subList(0, 1)));
                samples.put("different", model.decode(rows, after, tokens, sets));
            }
            case GROUPS -> {
                samples.put("one", model.request(tokens, sets.getFirst(), Compose.SUM));
                for (int experts = 2; experts <= Math.min(sets.size(), AdapterSet.LIMIT); experts += 2) {
                    List<AdapterSet.Member> members = new ArrayList<>();
                    for (AdapterSet set : sets.subList(0, experts)) members.addAll(set.members());
                    samples.put("base+" + experts, model.request(tokens, new AdapterSet(members), Compose.LOGITS));
                }
            }
        }
        return samples;
    }

    private int paced(Console console, SpeedModel model, List<AdapterSet> sets) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(session.terminal.in(), StandardCharsets.UTF_8));
        console.event("ready", Map.of("kernels", model.kernels().reason(), "model_hash", String.valueOf(model.model().hash()), "weight_bytes", model.weightBytes()));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.strip().split(" ");
            if (words[0].equals("limits")) {
                console.event("limits", limitFacts(Limits.measure(model.kernels(), model.scope(), LIMIT_SAMPLES)));
                continue;
            }
            Map<String, Object> facts = new LinkedHashMap<>();
            samples(model, Workload.valueOf(words[0].toUpperCase(Locale.ROOT)), Integer.parseInt(words[1]), after, Integer.parseInt(words[2]), sets)
                    .forEach((what, sample) -> {
                        facts.put(what, sample.rate());
                        facts.put("hash", sample.hash());
                    });
            console.event("run", facts);
        }
        console.result(Map.of("peak_bytes", model.ledger().peakBytes() + model.ledger().mappedBytes()));
        return ExitCode.DONE.number;
    }

    static Map<String, Object> limitFacts(Limits limits) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("read_gb_per_s_1", limits.readOne().median());
        facts.put("read_gb_per_s", limits.readAll().median());
        facts.put("fma_gflop_per_s_1", limits.peakOne().median());
        facts.put("fma_gflop_per_s", limits.peakAll().median());
        facts.put("gemm_gflop_per_s", limits.gemm().median());
        return facts;
    }

    private void report(Console console, SpeedModel model, Limits limits, Map<String, List<Double>> rates, int width, int count, int hash) {
        List<String> names = new ArrayList<>(rates.keySet());
        List<Double> own = rates.get(names.getLast());
        double median = SpeedModel.median(own);
        double[] operations = model.operations();
        double peak = limits.peakAll().median() * 1e9 * model.kernels().roundedRate();
        int tokensPerStep = workload == Workload.PREFILL ? count : width;
        int headRows = workload == Workload.PREFILL ? 1 : width;
        double seconds = Math.max(model.weightBytes() / (limits.readAll().median() * 1e9),
                (operations[0] * tokensPerStep + operations[1] * headRows) / peak);
        double limit = tokensPerStep / seconds;
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("tokens_per_s", median);
        facts.put("spread", List.of(Collections.min(own), Collections.max(own)));
        facts.put("runs", own.size());
        facts.put("share_of_limit", median / limit);
        facts.put("limit_tokens_per_s", limit);
        facts.put("peak_bytes", model.ledger().peakBytes() + model.ledger().mappedBytes());
        facts.put("rows", width);
        facts.put("tokens", count);
        facts.put("after", after);
        facts.put("machine", machine(limits));
        facts.putAll(limitFacts(limits));
        facts.put("kernels", model.kernels().reason());
        facts.put("model", path.toString());
        facts.put("model_hash", model.model().hash());
        facts.put("output_hash", Integer.toHexString(hash));
        console.line("%s", machine(limits));
        console.line("%s; model %.12s, %.0f MB of matrices", model.kernels().reason(), model.model().hash(), model.weightBytes() / 1e6);
        for (String name : names) {
            List<Double> all = rates.get(name);
            facts.put("samples_" + name, all);
            facts.put("tokens_per_s_" + name, SpeedModel.median(all));
            console.line("%-9s %7.1f tokens/s (%.1f to %.1f)%s, %d runs of %d rows, %d tokens each", name, SpeedModel.median(all), Collections.min(all),
                    Collections.max(all), ratio(name, names, rates, facts), all.size(), width, count);
        }
        console.line("%.0f %% of this machine's limit of %.1f tokens/s; peak %.0f MB; ids %08x", 100 * median / limit, limit,
                (model.ledger().peakBytes() + model.ledger().mappedBytes()) / 1e6, hash);
        console.result(facts);
    }

    /// The runs of `name` against those made beside them of what is named before it, as text and as facts.
    private static String ratio(String name, List<String> names, Map<String, List<Double>> rates, Map<String, Object> facts) {
        int place = names.indexOf(name);
        if (place == 0) return "";
        String before = names.get(place == 2 && name.startsWith("base+") ? 0 : place - 1);
        List<Double> ratios = new ArrayList<>();
        for (int run = 0; run < rates.get(name).size(); run++) ratios.add(rates.get(name).get(run) / rates.get(before).get(run));
        facts.put("ratio_" + name + "_to_" + before, ratios);
        return ", %.0f %% of %s (%.0f to %.0f)".formatted(100 * SpeedModel.median(ratios), before, 100 * Collections.min(ratios), 100 * Collections.max(ratios));
    }

    static String machine(Limits limits) {
        return "%s, %d processors, %d threads: read %.1f GB/s, multiply-add %.0f GFLOP/s, Java %s".formatted(System.getProperty("os.arch"),
                Runtime.getRuntime().availableProcessors(), limits.threads(), limits.readAll().median(), limits.peakAll().median(), Runtime.version());
    }
}
