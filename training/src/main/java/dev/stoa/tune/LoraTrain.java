// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.TargetId;
import dev.stoa.data.ExampleSource;
import dev.stoa.format.Sha256;
import dev.stoa.grad.Compute;
import dev.stoa.grad.Network;
import dev.stoa.grad.Parameter;
import dev.stoa.grad.Projection;
import dev.stoa.grad.Workspace;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.TensorPlan;
import dev.stoa.optim.AdamW;
import dev.stoa.optim.Schedule;
import dev.stoa.optim.Variable;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// Trains one LoRA expert on a frozen base and writes it as a PEFT directory. The base is shared and never written to;
/// its weights may have any format of `quant`.
public final class LoraTrain {
    /// Every linear layer of mixer and feed-forward, the head excepted.
    public static final List<String> ALL_LINEAR = List.of("all-linear");

    private LoraTrain() {}

    /// `targets` are `all-linear`, leaf names (`q_proj`) or paths inside a layer (`self_attn.q_proj`). The update is
    /// alpha / rank * B A. `baseName` goes into adapter_config.json.
    public record Config(
            int rank, double alpha, List<String> targets, long seed, AdamW.Settings adamw, TrainConfig train, String baseName) {
        public Config {
            targets = List.copyOf(targets);
            if (rank < 1 || !(alpha > 0) || targets.isEmpty()) {
                throw new IllegalArgumentException("rank " + rank + ", alpha " + alpha + ", targets " + targets);
            }
        }

        public Config withTrain(TrainConfig other) {
            return new Config(rank, alpha, targets, seed, adamw, other, baseName);
        }

        /// The demo world's recipe: rank 16, alpha 32, steps of 1,024 tokens, 10 warm-up steps, cosine to a twentieth. The
        /// strong weight decay keeps long runs below the health gate's bound. Why not rank 8 at 5e-3 (demo-world.md §7):
        /// docs/decisions/0003-demo-recipe.md.
        public static Config demo(long seed, int steps, String baseName) {
            TrainConfig train = TrainConfig.of(Schedule.cosine(Math.min(10, steps / 2), steps, 0.05), new StepSize.Tokens(1024), 1024, 1)
                    .withEvals(24, 3, 0);
            return new Config(16, 32, ALL_LINEAR, seed, new AdamW.Settings(3e-3, 0.9, 0.999, 1e-8, 1), train, baseName);
        }
    }

    /// Runs, or goes on with what `runDirectory` holds; `output` must not exist yet. `kernels` may be the model's own, or
    /// others of the same provider: several runs on one base go side by side on kernels of their own.
    public static TrainResult run(Config config, Model model, Kernels kernels, ExampleSource source, List<EvalSet> evalSets, Judge judge,
            TrainListener listener, Path runDirectory, Path output, Scope scope) throws IOException {
        return run(config, model, kernels, Compute.plain(kernels), source, evalSets, judge, listener, runDirectory, output, scope);
    }

    /// The same with products of the caller's choice; for others than plain ones the model should be mapped, not packed.
    public static TrainResult run(Config config, Model model, Kernels kernels, Compute compute, ExampleSource source, List<EvalSet> evalSets,
            Judge judge, TrainListener listener, Path runDirectory, Path output, Scope scope) throws IOException {
        Trainee trainee = trainee(config, model, kernels, compute, false, scope);
        long bytes = 0, total = trainee.parameterCount();
        for (TensorPlan.Binding binding : TensorPlan.of(model.spec())) {
            Tensor weight = model.weight(binding.name());
            bytes += weight.bytes();
            total += weight.elements();
        }
        TrainPlan plan = Planner.plan("lora", model.spec(), trainee, total, bytes, config.train(), source, kernels);
        return new TrainLoop(config.train(), trainee, source, evalSets, judge, kernels.updates(), listener, runDirectory)
                .run(plan, output);
    }

    /// What is trained, with memory from `scope`; `recompute` keeps only the inputs of layers for the way back.
    static Trainee trainee(Config config, Model model, Kernels kernels, Compute compute, boolean recompute, Scope scope) {
        TreeMap<TargetId, Projection.LowRank> updates = new TreeMap<>();
        for (Map.Entry<String, long[]> module : targets(config, model).entrySet()) {
            updates.put(TargetId.ofPath(module.getKey()), lowRank(config, module.getKey(), module.getValue(), scope));
        }
        List<Parameter> parameters = new ArrayList<>();
        List<Variable> variables = new ArrayList<>();
        for (Projection.LowRank update : updates.values()) {
            for (Parameter parameter : List.of(update.a(), update.b())) {
                parameters.add(parameter);
                variables.add(new Variable(parameter.name(), parameter.value(), parameter.gradient()));
            }
        }
        Map<String, Parameter> frozen = frozen(model, scope);
        Network network = new Network(model.spec(), path -> new Projection.Frozen(model.packed(path), frozen.get(path + ".bias"),
                updates.get(TargetId.ofPath(path))), frozen::get, kernels, compute, new Workspace(scope), recompute ? new Workspace(scope) : null);
        return new Trainee(network, Replicas.one(network, parameters, kernels.updates()), parameters,
                new AdamW(variables, config.adamw(), kernels.updates(), scope),
                Sha256.hex("lora\n" + config + model.hash() + kernels.id() + compute.identity()),
                directory -> write(directory, config, model, updates));
    }

    /// The modules that get an update, with their [outputs, inputs]; all problems of the selection are raised together.
    static Map<String, long[]> targets(Config config, Model model) {
        Map<String, long[]> chosen = new TreeMap<>();
        List<String> issues = new ArrayList<>();
        for (String target : config.targets()) {
            int before = chosen.size();
            model.linearShapes().forEach((path, shape) -> {
                boolean matches = target.equals("all-linear") ? !path.equals("lm_head")
                        : path.endsWith("." + target) && !path.equals("lm_head");
                if (matches) chosen.put(path, shape);
            });
            if (chosen.size() == before) issues.add(target + " matches no linear layer of the model");
        }
        chosen.forEach((path, shape) -> {
            if (config.rank() > Math.min(shape[0], shape[1])) {
                issues.add(path + " is " + shape[0] + " x " + shape[1] + ", smaller than rank " + config.rank());
            }
        });
        if (issues.isEmpty()) return chosen;
        throw Fault.of(TrainingFault.TARGET_UNKNOWN, "the adapter's targets do not fit the model").issues(issues)
                .expected("all-linear, or some of " + leaves(model)).next("correct targets or rank").exception();
    }

    private static List<String> leaves(Model model) {
        return model.linearShapes().keySet().stream().filter(path -> path.contains("."))
                .map(path -> path.substring(path.lastIndexOf('.') + 1)).distinct().toList();
    }

    /// A ~ U(-1/sqrt(in), 1/sqrt(in)), B = 0.
    private static Projection.LowRank lowRank(Config config, String path, long[] shape, Scope scope) {
        int outputs = Math.toIntExact(shape[0]), inputs = Math.toIntExact(shape[1]), rank = config.rank();
        Parameter a = new Parameter(path + ".lora_A", scope.f32(rank, inputs), scope.f32(rank, inputs));
        Parameter b = new Parameter(path + ".lora_B", scope.f32(outputs, rank), scope.f32(outputs, rank));
        SplittableRandom random = new SplittableRandom(config.seed() * 0x9E3779B97F4A7C15L + path.hashCode());
        double bound = 1 / Math.sqrt(inputs);
        for (long i = 0; i < a.value().elements(); i++) a.value().set(i, (float) random.nextDouble(-bound, bound));
        return new Projection.LowRank(a, b, (float) (config.alpha() / rank));
    }

    private static void write(Path directory, Config config, Model model, Map<TargetId, Projection.LowRank> updates) throws IOException {
        TreeMap<TargetId, Delta> entries = new TreeMap<>();
        updates.forEach((target, update) ->
                entries.put(target, new Delta.LowRank(update.a().value(), update.b().value(), config.alpha() / config.rank())));
        Adapter adapter = new Adapter(AdapterHash.of(entries), model.hash(), entries);
        PeftWriter.write(adapter, config.baseName(), model.linearShapes().keySet(), directory);
    }

    /// Embedding, norms and biases as they are; vectors as F32, out of mapped memory: the kernels' loops are compiled for few
    /// kinds of it.
    private static Map<String, Parameter> frozen(Model model, Scope scope) {
        Map<String, Parameter> frozen = new TreeMap<>();
        for (TensorPlan.Binding binding : TensorPlan.of(model.spec())) {
            Tensor weight = model.weight(binding.name());
            boolean copy = binding.role() == TensorPlan.Role.VECTOR && (weight.dtype() != DType.F32 || weight.data().isMapped());
            Tensor value = copy ? Quant.encode(Quant.decode(weight), DType.F32, scope, weight.shape()) : weight;
            frozen.put(binding.name(), Parameter.frozen(binding.name(), value));
        }
        return frozen;
    }
}
