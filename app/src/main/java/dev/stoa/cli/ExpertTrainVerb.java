// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.data.ChatData;
import dev.stoa.data.Epochs;
import dev.stoa.data.Example;
import dev.stoa.data.TrainingData;
import dev.stoa.generate.Engine;
import dev.stoa.grad.Compute;
import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Arithmetic;
import dev.stoa.optim.AdamW;
import dev.stoa.optim.Schedule;
import dev.stoa.serve.BaseModel;
import dev.stoa.tensor.Scope;
import dev.stoa.tune.EvalSet;
import dev.stoa.tune.Judge;
import dev.stoa.tune.LoraTrain;
import dev.stoa.tune.RunDirectory;
import dev.stoa.tune.StepSize;
import dev.stoa.tune.TrainConfig;
import dev.stoa.tune.TrainResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `stoa expert train`: a LoRA expert from a JSON Lines file, written as a PEFT directory.
@Command(
        name = "train", sortOptions = false, description = "Train a LoRA expert on a base and a JSON Lines file.",
        footer = {
            "", "Examples:", "  stoa expert train --base base --data rows.jsonl --out adapters/mine",
            "  stoa expert train --base base --data rows.jsonl --out adapters/mine --dry-run",
            "  stoa expert train --base base --data rows.jsonl --out adapters/mine --resume",
            "  stoa expert train --base q4.gguf --data rows.jsonl --out adapters/mine --compute bf16 --recompute", "",
            "Rows: {\"messages\": [{\"role\", \"content\"}, …]}, {\"prompt\", \"completion\"} or Alpaca rows."
        })
final class ExpertTrainVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--base", required = true, paramLabel = "MODEL", description = "The base: a model directory or a GGUF file.")
    private Path base;

    @Option(names = "--data", required = true, paramLabel = "FILE", description = "Rows to learn, JSON Lines.")
    private Path data;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Where the adapter goes; must not exist.")
    private Path out;

    @Option(names = "--rank", defaultValue = "8", paramLabel = "R", description = "Rank (default: ${DEFAULT-VALUE}).")
    private int rank;

    @Option(names = "--alpha", defaultValue = "16", paramLabel = "A", description = "Scale is alpha / rank (default: ${DEFAULT-VALUE}).")
    private double alpha;

    @Option(names = "--lr", defaultValue = "0.001", paramLabel = "RATE", description = "Peak learning rate (default: ${DEFAULT-VALUE}).")
    private double rate;

    @Option(names = "--epochs", defaultValue = "3", paramLabel = "N", description = "Passes over the data (default: ${DEFAULT-VALUE}).")
    private double epochs;

    @Option(names = "--steps", paramLabel = "N", description = "Optimizer steps, instead of epochs.")
    private Integer steps;

    @Option(names = "--step-tokens", defaultValue = "1024", paramLabel = "N", description = "Tokens per step (default: ${DEFAULT-VALUE}).")
    private int stepTokens;

    @Option(names = "--targets", split = ",", paramLabel = "NAME", description = "Layers to adapt (default: all-linear).")
    private List<String> targets = LoraTrain.ALL_LINEAR;

    @Option(names = "--compute", paramLabel = "NAME", description = {"Train on weights where they lie, factors of products in f32 or",
            "bf16 (default: f32 products of a packed copy)."})
    private String compute;

    @Option(names = "--recompute", description = "Keep only the inputs of layers for the way back: less memory, more work.")
    private boolean recompute;

    @Option(names = "--seed", defaultValue = "42", paramLabel = "N", description = "Same seed, same adapter (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--skip-bad-rows", paramLabel = "FILE", description = "Write unusable rows there and go on without them.")
    private Path rejected;

    @Option(names = "--resume", description = "Go on with an interrupted run.")
    private boolean resume;

    @Option(names = "--dry-run", description = "Show the plan and one sample, train nothing.")
    private boolean dryRun;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    ExpertTrainVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("expert train");
        RunDirectory run = new RunDirectory(out.resolveSibling(out.getFileName() + ".run"));
        checkPaths(run);
        FrozenLinear.Precision precision = compute == null ? null : BenchTrainVerb.precision(compute);
        Arithmetic arithmetic = compute == null ? Arithmetic.FLOAT : Arithmetic.STORED;
        try (BaseModel loaded = ModelOptions.open(model.config(base).withArithmetic(arithmetic), null, console)) {
            Engine engine = loaded.engine();
            Kernels kernels = engine.model().kernels();
            Compute products = precision == null ? Compute.plain(kernels) : Compute.of(kernels, precision);
            TrainingData rows = read(engine);
            TrainingData.Split split = rows.split(seed);
            Epochs source = new Epochs(split.train(), rows.identity(), seed);
            StepSize size = new StepSize.Tokens(stepTokens);
            int perEpoch = stepsPerEpoch(source, size, split.train().size());
            int total = steps == null ? Math.max(1, (int) Math.ceil(epochs * perEpoch)) : steps;
            if (total < 1 || rank < 1 || !(alpha > 0) || !(rate > 0)) {
                throw Fault.of(EngineFault.OUT_OF_RANGE, "steps, rank, alpha and lr must be above 0").exception();
            }
            console.say("data   %d rows, %d samples to learn, %d held out, %d cut, %d rejected", rows.rows(), split.train().size(),
                    split.valid().size(), rows.cutSamples(), rows.rejectedRows());
            console.say("plan   %d steps (%.1f epochs), rank %d, alpha %s, lr %s, seed %d", total, (double) total / perEpoch, rank, alpha, rate, seed);
            if (total < perEpoch) console.warn("%d steps are less than one pass over the data (%d)", total, perEpoch);
            if (dryRun) return dryRun(console, engine, split.train().getFirst(), total, perEpoch);
            int longest = split.train().stream().mapToInt(Example::length).max().orElse(2);
            TrainConfig train = TrainConfig.of(
                    Schedule.cosine(Math.min(10, total / 2), total, 0.05), size, Math.max(stepTokens, longest), 1)
                    .withEvals(split.valid().isEmpty() ? 0 : Math.max(1, total / 5), 0, 0);
            LoraTrain.Config config = new LoraTrain.Config(
                    rank, alpha, targets, seed, new AdamW.Settings(rate, 0.9, 0.999, 1e-8, 0), train, base.toString());
            List<EvalSet> held = split.valid().isEmpty() ? List.of() : List.of(new EvalSet("held out", split.valid()));
            if (run.finished()) console.say("log    %s is a finished run, kept as %s", run.path(), run.setAside());
            TrainResult result;
            try (TrainProgress progress = new TrainProgress(console, total); Scope scope = engine.ledger().scope("training")) {
                result = LoraTrain.run(config, engine.model(), kernels, products, recompute, source, held, Judge.byLoss(), progress, run.path(), out, scope);
            }
            if (run.finished()) run.keepLogOnly();
            return finished(console, result);
        }
    }

    private void checkPaths(RunDirectory run) {
        if (Files.exists(out)) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "the output is already there").where(out).next("choose another --out, or remove it").exception();
        }
        if (run.exists() && !run.finished() && !resume && !dryRun) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "an interrupted run is there").where(run.path()).next("add --resume, or remove it").exception();
        }
    }

    private TrainingData read(Engine engine) throws IOException {
        Object eos = engine.text().variables().get("eos_token");
        int eosId = eos == null ? -1 : engine.tokenizer().id(eos.toString());
        ChatData.Options options = new ChatData.Options(
                Math.min(1024, engine.model().spec().maxContext()), rejected, eosId, engine.template() != null);
        return ChatData.read(data, engine.tokenizer(), engine.template(), engine.text().variables(), options);
    }

    private static int stepsPerEpoch(Epochs source, StepSize size, int samples) {
        int count = 0;
        for (long cursor = 0; cursor < samples; count++) cursor += size.window(source, cursor).size();
        return Math.max(1, count);
    }

    private static int dryRun(Console console, Engine engine, Example sample, int total, int perEpoch) {
        int learned = 0;
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < sample.length(); i++) {
            String piece = engine.tokenizer().decode(new int[] {sample.ids()[i]}, false);
            text.append(sample.weights()[i] > 0 ? piece : console.paintData(Console.Ink.DIM, piece));
            if (sample.weights()[i] > 0) learned++;
        }
        console.line("%s", text);
        console.say("sample %d tokens, %d of them learned (the others are dimmed)", sample.length(), learned);
        console.result(Map.of("steps", total, "steps_per_epoch", perEpoch, "sample_tokens", sample.length(), "sample_learned", learned));
        return ExitCode.DONE.number;
    }

    private int finished(Console console, TrainResult result) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("status", result.status().name().toLowerCase(java.util.Locale.ROOT));
        facts.put("output", result.output() == null ? null : result.output().toString());
        facts.put("steps", result.steps());
        facts.put("chosen_step", result.chosenStep());
        facts.put("loss", result.loss());
        facts.put("tokens_per_second", result.tokensPerSecond());
        facts.put("seconds", result.seconds());
        facts.put("scores", result.scores());
        console.line("%s  %d steps, loss %.4f, %.0f tokens/s, %s", result.status().name().toLowerCase(java.util.Locale.ROOT), result.steps(),
                result.loss(), result.tokensPerSecond(), Progress.duration(result.seconds()));
        for (EvalSet.Score score : result.scores()) {
            console.line("%s  loss %.4f, exact %.3f, n=%d (step %d)", score.name(), score.loss(), score.exact(), score.samples(), result.chosenStep());
        }
        if (result.output() != null) console.say("next   stoa run %s --expert %s \"…\"", base, result.output());
        boolean ok = result.status().exitCode() == 0;
        if (!ok) console.say("next   add --resume to go on");
        console.result(ok, facts);
        return result.status().exitCode();
    }
}
