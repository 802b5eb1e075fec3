// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.data.ExampleSource;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.format.Sha256;
import dev.stoa.grad.Network;
import dev.stoa.grad.Parameter;
import dev.stoa.grad.Projection;
import dev.stoa.grad.Workspace;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.family.Families;
import dev.stoa.optim.AdamW;
import dev.stoa.optim.Muon;
import dev.stoa.optim.Optimizer;
import dev.stoa.optim.Schedule;
import dev.stoa.optim.Variable;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import tools.jackson.databind.node.ObjectNode;

/// Trains every weight of a small base from scratch and writes it as a Hugging Face model directory: `config.json`,
/// `model.safetensors` (F32) and the tokenizer's files as given.
public final class Pretrain {
    private static final double EMBEDDING_SCALE = 0.02, MATRIX_SCALE = 0.03;

    private Pretrain() {}

    /// Muon trains the matrices of the layers, AdamW the embedding (and untied head) and all vectors. `files` are
    /// written beside the weights, by name: tokenizer.json, tokenizer_config.json, chat_template.jinja.
    public record Config(
            Architecture architecture, long seed, Muon.Settings muon, AdamW.Settings adamw, TrainConfig train,
            Map<String, String> files) {
        public Config {
            // sorted, because a configuration's text is part of the identities that caches and checkpoints go by
            files = Collections.unmodifiableSortedMap(new TreeMap<>(files));
        }

        public Config withTrain(TrainConfig other) {
            return new Config(architecture, seed, muon, adamw, other, files);
        }

        /// The demo world's recipe: steps of 4,096 tokens in two replicas, 60 warm-up steps, cosine to a tenth at `steps`,
        /// clip 1.
        public static Config demo(Architecture architecture, long seed, int steps, Map<String, String> files) {
            TrainConfig train = TrainConfig.of(Schedule.cosine(Math.min(60, steps / 2), steps, 0.1), new StepSize.Tokens(4096), 2304, 1)
                    .withEvals(80, 0, 0).withReplicas(2);
            return new Config(architecture, seed, new Muon.Settings(0.02, 0.95, 0.1),
                    new AdamW.Settings(3e-3, 0.9, 0.95, 1e-8, 0.1), train, files);
        }
    }

    /// Runs, or goes on with what `runDirectory` holds; `output` must not exist yet.
    public static TrainResult run(Config config, ExampleSource source, List<EvalSet> evalSets, Judge judge, Kernels kernels,
            TrainListener listener, Path runDirectory, Path output, Scope scope) throws IOException {
        ObjectNode json = config.architecture().config();
        ModelSpec spec = Families.translate(json, Set.of());
        TreeMap<String, Parameter> parameters = new TreeMap<>();
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            Parameter parameter = new Parameter(binding.name(), scope.f32(binding.shape()), scope.f32(binding.shape()));
            initialize(parameter.value(), binding, config.seed());
            parameters.put(binding.name(), parameter);
        }
        Network network = network(spec, parameters, kernels, scope);
        try (Copies copies = Copies.of(config.train().replicas(), spec, network, parameters, kernels, scope)) {
            Trainee trainee = new Trainee(network, copies.replicas(), List.copyOf(parameters.values()),
                    optimizer(config, spec, parameters, kernels, scope),
                    Sha256.hex("pretrain\n" + json + config.seed() + config.muon() + config.adamw() + kernels.id()),
                    directory -> write(directory, json, parameters, config.files()));
            TrainPlan plan = Planner.plan("pretrain", spec, trainee, trainee.parameterCount(), 0, config.train(), false, source, kernels);
            return new TrainLoop(config.train(), trainee, source, evalSets, judge, kernels.updates(), listener, runDirectory)
                    .run(plan, output);
        }
    }

    private static Network network(ModelSpec spec, Map<String, Parameter> parameters, Kernels kernels, Scope scope) {
        return new Network(spec, path -> dense(spec, path, parameters), parameters::get, kernels, new Workspace(scope));
    }

    /// The replicas of a run and the kernels opened for them; one replica is the network itself on all threads.
    private record Copies(Replicas replicas, List<Kernels> kernels) implements AutoCloseable {
        static Copies of(int count, ModelSpec spec, Network network, Map<String, Parameter> parameters, Kernels kernels, Scope scope) {
            List<Parameter> first = List.copyOf(parameters.values());
            if (count == 1) return new Copies(Replicas.one(network, first, kernels.updates()), List.of());
            int threads = kernels.workers().threads(), lanes = Math.min(count, threads);
            List<Kernels> opened = new ArrayList<>();
            List<Replicas.Replica> replicas = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                TreeMap<String, Parameter> own = new TreeMap<>(parameters);
                if (i > 0) own.replaceAll((name, each) -> new Parameter(name, each.value(), scope.f32(each.value().shape())));
                opened.add(kernels.fork(threads / lanes));
                replicas.add(new Replicas.Replica(network(spec, own, opened.getLast(), scope), List.copyOf(own.values())));
            }
            return new Copies(new Replicas(replicas, kernels.updates(), lanes), opened);
        }

        @Override
        public void close() {
            replicas.close();
            kernels.forEach(Kernels::close);
        }
    }

    private static Projection dense(ModelSpec spec, String path, Map<String, Parameter> parameters) {
        String weight = path.equals("lm_head") ? spec.headWeight() : path + ".weight";
        return new Projection.Dense(parameters.get(weight), parameters.get(path + ".bias"));
    }

    private static Optimizer optimizer(Config config, ModelSpec spec, Map<String, Parameter> parameters, Kernels kernels, Scope scope) {
        List<Variable> matrices = new ArrayList<>(), others = new ArrayList<>();
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            Parameter parameter = parameters.get(binding.name());
            boolean hidden = binding.role() == TensorPlan.Role.LINEAR && !binding.name().equals(spec.headWeight());
            (hidden ? matrices : others).add(new Variable(parameter.name(), parameter.value(), parameter.gradient()));
        }
        return new Optimizer.Combined(List.of(new Muon(matrices, config.muon(), kernels.matmul(), kernels.updates(), scope),
                new AdamW(others, config.adamw(), kernels.updates(), scope)));
    }

    /// Embedding N(0, .02), matrices N(0, .03), norm weights 1, biases 0; each tensor from its own stream.
    private static void initialize(Tensor value, TensorPlan.Binding binding, long seed) {
        if (binding.role() == TensorPlan.Role.VECTOR) {
            float constant = binding.name().endsWith(".bias") ? 0 : 1;
            for (long i = 0; i < value.elements(); i++) value.set(i, constant);
            return;
        }
        double scale = binding.role() == TensorPlan.Role.EMBEDDING ? EMBEDDING_SCALE : MATRIX_SCALE;
        SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + binding.name().hashCode());
        for (long i = 0; i < value.elements(); i++) value.set(i, (float) (scale * random.nextGaussian()));
    }

    private static void write(Path directory, ObjectNode config, Map<String, Parameter> parameters, Map<String, String> files)
            throws IOException {
        TreeMap<String, Tensor> tensors = new TreeMap<>();
        parameters.forEach((name, parameter) -> tensors.put(name.startsWith("lm_head") ? name : "model." + name, parameter.value()));
        AtomicFiles.writeDirectory(directory, part -> {
            AtomicFiles.write(part.resolve("config.json"), Json.pretty(config));
            SafetensorsWriter.write(part.resolve("model.safetensors"), tensors, Map.of());
            for (Map.Entry<String, String> file : files.entrySet()) AtomicFiles.write(part.resolve(file.getKey()), file.getValue());
        });
    }
}
