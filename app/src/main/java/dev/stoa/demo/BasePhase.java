// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.data.Example;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.ItemEncoder;
import dev.stoa.eval.world.Skill;
import dev.stoa.eval.world.Split;
import dev.stoa.eval.world.World;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.Sha256;
import dev.stoa.EngineFault;
import dev.stoa.grad.Network;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tune.Architecture;
import dev.stoa.tune.EvalSet;
import dev.stoa.tune.Judge;
import dev.stoa.tune.Pretrain;
import dev.stoa.tune.TrainListener;
import dev.stoa.tune.TrainResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Trains the tiny base from scratch, or takes the one that the same code already trained on the same world.
final class BasePhase implements Phase<BasePhase.Result> {
    /// Skills whose items have one right answer, so that teacher-forced exactness is the greedy score.
    private static final List<Skill> CHECKED = List.of(Skill.GENERAL_KEYS, Skill.READER, Skill.TWO_LINES);
    private static final int SAVE_SECONDS = 15;

    /// One evaluation during training: exact share per skill.
    record Point(int step, double loss, List<Double> exact) {}

    /// `tokensPerSecond` and `steps` are those of the training run, also when the base was cached.
    record Result(String directory, boolean cached, int steps, long tokens, double seconds, double tokensPerSecond,
            List<String> skills, List<Point> curve, List<String> stopped) {}

    @Override
    public String name() {
        return "2-base";
    }

    @Override
    public String title() {
        return "base model from scratch";
    }

    @Override
    public int budgetSeconds() {
        return 100;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    @Override
    public boolean present(Result result) {
        return Files.isDirectory(Path.of(result.directory()));
    }

    @Override
    public Result run(Workbench bench) throws IOException {
        World world = bench.world;
        ItemEncoder encoder = bench.encoder();
        String tokenizer = Json.readText(bench.tokenizerFile(), 16L << 20, EngineFault.TOKENIZER_INVALID);
        int end = bench.tokenizer().id(ItemEncoder.END);
        Pretrain.Config recipe = Pretrain.Config.demo(Architecture.demo(bench.tokenizer().size(), end), bench.options.seed(),
                bench.settings.baseSteps(), files(tokenizer, bench.options.seed()));
        Pretrain.Config config = recipe.withTrain(recipe.train().withSaves(0, SAVE_SECONDS));
        String identity = Sha256.hex(world.hash() + Sha256.hex(tokenizer) + config + CodeVersion.of(Network.class, Kernels.class));
        Path directory = bench.options.home().resolve("cache").resolve("bases").resolve(identity.substring(0, 24));
        Path facts = directory.resolveSibling(directory.getFileName() + ".json");
        if (!bench.options.retrain() && Files.isDirectory(directory) && Files.isRegularFile(facts)) {
            Result stored = Stored.read(facts, Result.class);
            return new Result(stored.directory(), true, stored.steps(), stored.tokens(), stored.seconds(), stored.tokensPerSecond(),
                    stored.skills(), stored.curve(), stored.stopped());
        }
        Files.createDirectories(directory.getParent());
        Stored.deleteTree(directory);
        Path runs = bench.options.out().resolve("base-run");
        Path run = runs.resolve(directory.getFileName()); // checkpoints of another recipe or code are not gone on with
        List<Point> curve = new ArrayList<>();
        List<String> notices = new ArrayList<>();
        TrainResult trained;
        Ledger ledger = new Ledger();
        try (Kernels kernels = KernelProvider.open(bench.options.kernels(), bench.options.threads()); Scope scope = ledger.scope("base training")) {
            trained = Pretrain.run(config, encoder.pretraining(world), evalSets(world, encoder, bench.settings.checkItems()), judge(),
                    kernels, listener(bench, curve, notices), run, directory, scope);
        }
        if (trained.output() == null) throw new IOException("base training ended with " + trained.status());
        Result result = new Result(directory.toString(), false, trained.steps(), trained.tokens(), trained.seconds(),
                trained.tokensPerSecond(), CHECKED.stream().map(Skill::name).toList(), curve, notices);
        Stored.write(facts, result);
        Stored.deleteTree(runs);
        return result;
    }

    /// Everything a model directory needs beside its weights.
    private static Map<String, String> files(String tokenizer, long seed) {
        return Map.of("tokenizer.json", tokenizer, "chat_template.jinja", ItemEncoder.chatTemplate(),
                "tokenizer_config.json", """
                        {
                          "tokenizer_class": "PreTrainedTokenizerFast",
                          "eos_token": "%s",
                          "model_max_length": 256,
                          "stoa_world_seed": %d
                        }
                        """.formatted(ItemEncoder.END, seed));
    }

    private static List<EvalSet> evalSets(World world, ItemEncoder encoder, int items) {
        List<EvalSet> sets = new ArrayList<>();
        for (Skill skill : CHECKED) {
            List<Example> samples = new ArrayList<>();
            for (int i = 0; i < items; i++) {
                Item item = world.skill(skill, Split.VALID, i);
                samples.add(Example.of(encoder.prompt(item.prompt()), encoder.answer(item.answer()), 0));
            }
            sets.add(new EvalSet(skill.name(), samples));
        }
        return sets;
    }

    /// The last weights are kept: by then the rate has decayed, which no earlier evaluation has seen.
    private static Judge judge() {
        return (step, scores) -> Judge.Verdict.go(-step);
    }

    private static TrainListener listener(Workbench bench, List<Point> curve, List<String> notices) {
        return new TrainListener() {
            @Override
            public void onStep(Step step) {
                bench.progress.step(String.format(java.util.Locale.ROOT, "loss %.3f, %.0f tokens/s", step.loss(), step.tokensPerSecond()),
                        step.step(), step.steps());
            }

            @Override
            public void onEval(int step, List<EvalSet.Score> scores, boolean best) {
                curve.add(new Point(step, scores.getFirst().loss(), scores.stream().map(EvalSet.Score::exact).toList()));
            }

            @Override
            public void onNotice(int step, String kind, String text) {
                notices.add("step " + step + ", " + kind + ": " + text);
            }
        };
    }
}
