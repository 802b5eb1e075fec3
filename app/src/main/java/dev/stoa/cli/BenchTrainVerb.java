// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.data.Example;
import dev.stoa.format.ModelFiles;
import dev.stoa.grad.Compute;
import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Limits;
import dev.stoa.model.Model;
import dev.stoa.optim.AdamW;
import dev.stoa.optim.Schedule;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tune.LoraSteps;
import dev.stoa.tune.LoraTrain;
import dev.stoa.tune.StepSize;
import dev.stoa.tune.TrainConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa bench train`: how fast whole optimizer steps of a LoRA run go here: forward, backward, clipping, AdamW, on random
/// ids without a mask. `--paced` lets a program that measures another trainer take turns with this one.
@Command(name = "train", sortOptions = false, description = "Time LoRA training steps on all linear layers.",
        footer = {"", "Examples:", "  stoa bench train --model q4.gguf --compute bf16", "  stoa bench train --model DIR --tokens 512 --rows 4 --recompute --json"})
final class BenchTrainVerb implements Callable<Integer> {
    private static final int SPIN_ROUNDS = 200_000;
    private final Session session;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "A model directory or a GGUF file.")
    private Path path;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "512", description = "Tokens of a sequence (default: ${DEFAULT-VALUE}).")
    private int tokens;

    @Option(names = "--rows", paramLabel = "N", defaultValue = "1", description = "Sequences per step (default: ${DEFAULT-VALUE}).")
    private int rows;

    @Option(names = "--micro", paramLabel = "N", defaultValue = "0", description = "Sequences computed at once (0: all of a step).")
    private int micro;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Compute threads (0: one per processor).")
    private int threads;

    @Option(names = "--rank", paramLabel = "N", defaultValue = "16", description = "Rank of the update (default: ${DEFAULT-VALUE}).")
    private int rank;

    @Option(names = "--compute", paramLabel = "NAME", defaultValue = "bf16", description = "Factors of products: f32 or bf16 (default: ${DEFAULT-VALUE}).")
    private String compute;

    @Option(names = "--recompute", description = "Keep only the inputs of layers for the way back (checkpointing).")
    private boolean recompute;

    @Option(names = "--trained", paramLabel = "SHARE", defaultValue = "1", description = "Share of tokens that have a loss, the last of each sequence.")
    private double trained;

    @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto", description = "auto, foreign, vector or scalar.")
    private String kernels;

    @Option(names = "--runs", paramLabel = "N", defaultValue = "7", description = "Measured steps (default: ${DEFAULT-VALUE}).")
    private int runs;

    @Option(names = "--warm", paramLabel = "N", defaultValue = "3", description = "Steps before those (default: ${DEFAULT-VALUE}).")
    private int warm;

    @Option(names = "--paced", hidden = true, description = "One step for each line of input; an event tells each result.")
    private boolean paced;

    BenchTrainVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("bench train");
        FrozenLinear.Precision precision = check();
        Ledger ledger = new Ledger();
        try (Kernels chosen = KernelProvider.open(kernels, threads); Scope scope = ledger.scope("bench")) {
            Compute products = Compute.of(chosen, precision);
            ModelFiles files = ModelFiles.openWithoutTokenizer(path, scope);
            Model model = products.frozen() == null ? Model.load(files, chosen, scope) : Model.loadMapped(files, chosen, scope);
            TrainConfig train = TrainConfig.of(Schedule.cosine(0, 1, 1), new StepSize.Tokens(tokens * rows), tokens * (micro == 0 ? rows : micro), 1);
            LoraTrain.Config config = new LoraTrain.Config(rank, 2.0 * rank, LoraTrain.ALL_LINEAR, 1, new AdamW.Settings(1e-4, 0.9, 0.999, 1e-8, 0),
                    train, path.toString());
            LoraSteps steps = new LoraSteps(config, model, chosen, products, recompute, scope);
            SplittableRandom random = new SplittableRandom(1);
            if (paced) return paced(console, steps, model, random, ledger, chosen, products);
            for (int i = 0; i < warm; i++) timed(steps, model, random);
            List<Double> rates = new ArrayList<>();
            double loss = 0, peak = 0;
            for (int i = 0; i < runs; i++) {
                double[] sample = timed(steps, model, random);
                rates.add(sample[0]);
                loss = sample[1];
                peak = Math.max(peak, peak(products));
                console.event("run", Map.of("tokens_per_s", sample[0], "loss", loss));
            }
            report(console, model, steps, rates, loss, peak, ledger, chosen, products);
            return ExitCode.DONE.number;
        }
    }

    private FrozenLinear.Precision check() {
        check("--tokens", tokens, 1 << 20);
        check("--rows", rows, 1 << 10);
        check("--rank", rank, 1 << 10);
        check("--runs", runs, 10_000);
        boolean known = compute.equals("f32") || compute.equals("bf16");
        if (!known) throw Fault.of(AppFault.USAGE, "no such arithmetic").where("--compute").got(compute).expected("f32 or bf16").exception();
        if (!(trained > 0 && trained <= 1)) {
            throw Fault.of(AppFault.USAGE, "a number is out of range").where("--trained").got(trained).expected("above 0, at most 1").exception();
        }
        return compute.equals("f32") ? FrozenLinear.Precision.F32 : FrozenLinear.Precision.BF16;
    }

    private static void check(String option, int value, int most) {
        if (value >= 1 && value <= most) return;
        throw Fault.of(AppFault.USAGE, "a number is out of range").where(option).got(value).expected("1 to " + most).exception();
    }

    /// Tokens per second and mean loss of one step.
    private double[] timed(LoraSteps steps, Model model, SplittableRandom random) {
        List<Example> samples = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            float[] weights = new float[tokens];
            Arrays.fill(weights, Math.max(1, tokens - (int) Math.ceil(trained * tokens)), tokens, 1);
            samples.add(Example.hard(random.ints(tokens, 0, model.spec().vocab()).toArray(), weights));
        }
        long start = System.nanoTime();
        double loss = steps.step(samples);
        return new double[] {1e9 * tokens * rows / (System.nanoTime() - start), loss};
    }

    /// FLOP per second that the innermost instruction reaches on all threads, or 0 where products are plain.
    private static double peak(Compute products) {
        if (products.frozen() == null) return 0;
        long start = System.nanoTime();
        return 2e9 * products.frozen().spin(SPIN_ROUNDS) / (System.nanoTime() - start);
    }

    private int paced(Console console, LoraSteps steps, Model model, SplittableRandom random, Ledger ledger, Kernels chosen, Compute products)
            throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(session.terminal.in(), StandardCharsets.UTF_8));
        console.event("ready", Map.of("kernels", chosen.reason(), "model_hash", String.valueOf(model.hash()), "products", products.identity()));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            double[] sample = timed(steps, model, random);
            console.event("run", Map.of("tokens_per_s", sample[0], "loss", sample[1], "peak_rss_bytes", peakResident()));
        }
        console.result(Map.of("peak_bytes", ledger.peakBytes() + ledger.mappedBytes(), "peak_rss_bytes", peakResident()));
        return ExitCode.DONE.number;
    }

    /// Most memory that this process ever had resident, or 0 where the system does not tell.
    private static long peakResident() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) return 0;
        for (String line : Files.readAllLines(status)) {
            if (line.startsWith("VmHWM:")) return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
        }
        return 0;
    }

    /// Multiplications and additions of one step: linear layers forward, back and again when recomputed, the head on trained
    /// rows forward and back. Attention and the update are left out.
    private double operations(Model model) {
        double layers = 0, head = 0;
        for (Map.Entry<String, long[]> linear : model.linearShapes().entrySet()) {
            double each = 2.0 * linear.getValue()[0] * linear.getValue()[1];
            if (linear.getKey().equals("lm_head")) head += each;
            else layers += each;
        }
        double learned = Math.min(tokens - 1, Math.ceil(trained * tokens));
        return rows * (tokens * layers * (recompute ? 3 : 2) + learned * head * 2);
    }

    private void report(Console console, Model model, LoraSteps steps, List<Double> rates, double loss, double peak, Ledger ledger, Kernels chosen,
            Compute products) throws IOException {
        double median = SpeedModel.median(rates), flops = operations(model) * median / (tokens * rows);
        Limits limits;
        try (Scope room = ledger.scope("limits")) {
            long held = ledger.peakBytes() + ledger.mappedBytes(), resident = peakResident();
            limits = Limits.measure(chosen, room, 5);
            double most = peak == 0 ? limits.peakAll().median() * 1e9 : peak;
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("tokens_per_s", median);
            facts.put("spread", List.of(Collections.min(rates), Collections.max(rates)));
            facts.put("runs", rates.size());
            facts.put("share_of_limit", flops / most);
            facts.put("limit_tokens_per_s", median * most / flops);
            facts.put("peak_bytes", held);
            facts.put("peak_rss_bytes", resident);
            facts.put("rows", rows);
            facts.put("tokens", tokens);
            facts.put("rank", rank);
            facts.put("compute", compute);
            facts.put("recompute", recompute);
            facts.put("trained_parameters", steps.parameters());
            facts.put("loss", loss);
            facts.put("samples", rates);
            facts.put("gflop_per_s", flops / 1e9);
            facts.put("products_gflop_per_s", most / 1e9);
            facts.put("machine", BenchSpeedVerb.machine(limits));
            facts.put("kernels", chosen.reason());
            facts.put("products", products.identity());
            facts.put("model", path.toString());
            facts.put("model_hash", model.hash());
            console.line("%s", BenchSpeedVerb.machine(limits));
            console.line("%s; products%s; model %.12s", chosen.reason(), products.frozen() == null ? " plain" : products.identity(), model.hash());
            console.line("train     %7.1f tokens/s (%.1f to %.1f), %d steps of %d x %d tokens, rank %d, %s%s", median, Collections.min(rates),
                    Collections.max(rates), rates.size(), rows, tokens, rank, compute, recompute ? ", layers recomputed" : "");
            console.line("%.0f GFLOP/s in linear layers and head, %.0f %% of %.0f; peak %.0f MB held, %.0f MB resident; loss %.4f", flops / 1e9,
                    100 * flops / most, most / 1e9, held / 1e6, resident / 1e6, loss);
            console.result(facts);
        }
    }
}
