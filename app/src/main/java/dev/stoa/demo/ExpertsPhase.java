// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.data.Example;
import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.ExpertMix;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.ItemEncoder;
import dev.stoa.eval.world.Plant;
import dev.stoa.eval.world.Recipe;
import dev.stoa.eval.world.Split;
import dev.stoa.eval.world.World;
import dev.stoa.format.Sha256;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.tensor.Scope;
import dev.stoa.tune.EvalSet;
import dev.stoa.tune.Judge;
import dev.stoa.tune.LoraTrain;
import dev.stoa.tune.TrainListener;
import dev.stoa.tune.TrainResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;

/// Trains one composable expert per domain, naive ones where the claims compare the two, and a control whose labels
/// are shuffled. Experts share nothing but the frozen base, so they train side by side, each on threads of its own: no
/// thread waits for another between two small products, and every expert's bits are those of training it alone. Every
/// finished expert is kept; an interrupted one resumes from its checkpoint.
final class ExpertsPhase implements Phase<ExpertsPhase.Result> {
    private static final int VALIDATION_ITEMS = 64;
    private static final int SAVE_SECONDS = 10;
    private static final double KNOWN = 0.97;
    private static final int LANDING_STEPS = 72;
    /// Each expert in training holds about 100 MB; more lanes than this gain little and cost memory.
    private static final int MOST_LANES = 4;

    /// What is trained: `name` is also the directory of the adapter.
    record Job(String name, String domain, String kind) {
        static final String COMPOSABLE = "composable", NAIVE = "naive", SHUFFLED = "shuffled";

        static Job of(String domain, String kind) {
            return new Job(kind.equals(COMPOSABLE) ? domain : domain + "-" + kind, domain, kind);
        }
    }

    record Point(int step, double loss, double exact) {}

    record Trained(Job job, int steps, int chosenStep, double loss, long tokens, double seconds, double tokensPerSecond, List<Point> curve) {}

    record Result(List<Trained> experts, double seconds, double tokensPerSecond) {
        Trained of(String name) {
            return experts.stream().filter(each -> each.job().name().equals(name)).findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("no expert " + name));
        }
    }

    @Override
    public String name() {
        return "3-experts";
    }

    @Override
    public String title() {
        return "experts";
    }

    @Override
    public int budgetSeconds() {
        return 75;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    /// The experts of a world: composable ones for every domain; naive ones for two planted pairs (a pair is needed to
    /// measure what they do to each other) and for the vandals; the control for the first of these domains.
    static List<Job> jobs(World world) {
        List<Job> jobs = new ArrayList<>();
        for (Domain domain : world.domains()) jobs.add(Job.of(domain.name(), Job.COMPOSABLE));
        Set<String> naive = new LinkedHashSet<>(Composition.naiveDomains(world));
        naive.addAll(vandals(world));
        for (String domain : naive) jobs.add(Job.of(domain, Job.NAIVE));
        jobs.add(Job.of(Composition.naiveDomains(world).getFirst(), Job.SHUFFLED));
        return jobs;
    }

    /// The domains whose naive version learns rows that damage another one.
    static Set<String> vandals(World world) {
        Set<String> names = new LinkedHashSet<>();
        for (Plant plant : world.plants()) {
            if (plant.type() == Plant.Type.VANDAL) names.add(plant.domains().getFirst());
        }
        return names;
    }

    @Override
    public Result run(Workbench bench) throws IOException {
        List<Job> jobs = jobs(bench.world);
        Model model = bench.engine().model();
        Shared shared = new Shared(bench, model, bench.encoder(), CodeVersion.of(LoraTrain.class, Kernels.class),
                new ExpertsProgress(bench.progress, jobs.size()));
        Kernels all = model.kernels();
        int threads = all.workers().threads();
        int lanes = Math.min(Math.min(threads, MOST_LANES), jobs.size());
        long start = System.nanoTime();
        List<Trained> trained = SideBySide.run(lanes, "stoa-expert-", jobs, (job, stop) -> {
            try (Kernels kernels = all.fork(threads / lanes)) {
                return train(shared, kernels, job, stop);
            }
        });
        double seconds = (System.nanoTime() - start) * 1e-9;
        return new Result(trained, seconds, trained.stream().mapToLong(Trained::tokens).sum() / seconds);
    }

    /// What all lanes use and none changes; `code` names the classes that train.
    private record Shared(Workbench bench, Model model, ItemEncoder encoder, String code, ExpertsProgress progress) {}

    private static Trained train(Shared shared, Kernels kernels, Job job, BooleanSupplier stop) throws IOException {
        Workbench bench = shared.bench();
        Model model = shared.model();
        ItemEncoder encoder = shared.encoder();
        Path directory = bench.adapter(job.name());
        Path facts = directory.resolveSibling(job.name() + ".json");
        String identity = identity(bench, model, job);
        if (Files.isDirectory(directory) && Files.isRegularFile(facts)) {
            Known known = Stored.read(facts, Known.class);
            if (known.identity().equals(identity)) return known.trained();
        }
        Stored.deleteTree(directory);
        World world = bench.world;
        Recipe recipe = job.kind().equals(Job.COMPOSABLE) ? Recipe.COMPOSABLE : Recipe.NAIVE;
        ExpertMix mix = job.kind().equals(Job.SHUFFLED)
                ? world.expert(job.domain(), recipe, world.shuffledGold(job.domain())) : world.expert(job.domain(), recipe);
        int steps = recipe == Recipe.COMPOSABLE ? bench.settings.expertSteps() : bench.settings.naiveSteps();
        LoraTrain.Config recipeConfig = LoraTrain.Config.demo(bench.options.seed(), steps, "stoa-demo-base");
        LoraTrain.Config config = recipeConfig.withTrain(recipeConfig.train().withSaves(0, SAVE_SECONDS));
        List<Point> curve = new ArrayList<>();
        Path runs = bench.options.out().resolve("expert-runs").resolve(job.name());
        // checkpoints of another recipe or code are not gone on with
        Path run = runs.resolve(Sha256.hex(identity + config + kernels.id() + shared.code()).substring(0, 16));
        TrainResult result;
        try (Scope scope = bench.engine().ledger().scope("expert " + job.name())) {
            result = LoraTrain.run(config, model, kernels, encoder.expert(mix, identity), List.of(validation(world, encoder, job)),
                    judge(), listener(job, shared.progress(), curve, stop), run, directory, scope);
        }
        if (result.output() == null) throw new IOException("training expert " + job.name() + " ended with " + result.status());
        Trained trained = new Trained(job, result.steps(), result.chosenStep(), result.loss(), result.tokens(), result.seconds(),
                result.tokensPerSecond(), curve);
        Stored.write(facts, new Known(identity, trained));
        Stored.deleteTree(runs);
        return trained;
    }

    private record Known(String identity, Trained trained) {}

    private static String identity(Workbench bench, Model model, Job job) {
        return "world " + bench.world.hash() + " " + job + " base " + model.hash() + " " + bench.settings;
    }

    private static EvalSet validation(World world, ItemEncoder encoder, Job job) {
        List<Example> samples = new ArrayList<>();
        for (int i = 0; i < VALIDATION_ITEMS; i++) {
            Item item = world.taught(job.domain(), Split.VALID, i);
            samples.add(Example.of(encoder.prompt(item.prompt()), encoder.answer(item.answer()), 0));
        }
        return new EvalSet("own", samples);
    }

    /// Once the expert knows its table the rate decays over some more steps, in which it goes on learning to stay silent
    /// elsewhere. The last weights are kept.
    private static Judge judge() {
        return (step, scores) -> scores.getFirst().exact() >= KNOWN ? Judge.Verdict.land(-step, LANDING_STEPS) : Judge.Verdict.go(-step);
    }

    private static TrainListener listener(Job job, ExpertsProgress progress, List<Point> curve, BooleanSupplier stop) {
        return new TrainListener() {
            @Override
            public void onStep(Step step) {
                progress.step(job.name(), step);
            }

            @Override
            public void onEval(int step, List<EvalSet.Score> scores, boolean best) {
                curve.add(new Point(step, scores.getFirst().loss(), scores.getFirst().exact()));
            }

            @Override
            public boolean stopRequested() {
                return stop.getAsBoolean();
            }
        };
    }

    /// One bar for all lanes: an expert counts as a whole once the next one starts in its place.
    private static final class ExpertsProgress {
        private final DemoProgress progress;
        private final int jobs;
        private final Map<String, Double> shares = new HashMap<>();

        ExpertsProgress(DemoProgress progress, int jobs) {
            this.progress = progress;
            this.jobs = jobs;
        }

        synchronized void step(String name, TrainListener.Step step) {
            shares.put(name, (double) step.step() / step.steps());
            double done = shares.values().stream().mapToDouble(Double::doubleValue).sum();
            progress.step(String.format(Locale.ROOT, "%s, loss %.3f", name, step.loss()), Math.round(1000 * done), 1000L * jobs);
        }
    }
}
