// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.grad.Parameter;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The checkpoints of one run: `step-000120/` with weights.safetensors, state.safetensors (moments, all F32) and
/// state.json. A directory appears whole or not at all, and `LATEST` names it only afterwards.
final class Checkpoints {
    private static final long MAX_STATE = 1 << 20;
    private final Path directory;
    private final Trainee trainee;
    private final String identity;

    /// `identity` covers configuration, base and data.
    Checkpoints(Path directory, Trainee trainee, String identity) {
        this.directory = directory;
        this.trainee = trainee;
        this.identity = identity;
    }

    private Path path(int step) {
        return directory.resolve("step-%06d".formatted(step));
    }

    /// Where a checkpoint of the same step waits while it is being replaced; [#latest] finds it there after a crash.
    private static Path old(Path target) {
        return target.resolveSibling(target.getFileName() + ".old");
    }

    /// Writes the current parameters and moments, then drops all but the two newest and `bestStep`.
    void save(TrainState state) throws IOException {
        Path target = path(state.step), old = old(target);
        if (Files.exists(target)) {
            deleteTree(old);
            Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
        }
        AtomicFiles.writeDirectory(target, part -> {
            SafetensorsWriter.write(part.resolve("weights.safetensors"), weights(), Map.of());
            SafetensorsWriter.write(part.resolve("state.safetensors"), trainee.optimizer().state(), Map.of());
            ObjectNode json = state.toJson();
            json.put("identity", identity);
            AtomicFiles.write(part.resolve("state.json"), Json.pretty(json));
        });
        AtomicFiles.write(directory.resolve("LATEST"), target.getFileName() + "\n");
        deleteTree(old);
        TreeSet<Integer> steps = steps();
        Set<Integer> kept = new TreeSet<>(List.of(state.step, state.bestStep));
        Integer before = steps.lower(state.step);
        if (before != null) kept.add(before);
        for (int step : steps) if (!kept.contains(step)) deleteTree(path(step));
    }

    /// The state of the checkpoint `LATEST` names, or null when there is none.
    TrainState latest() throws IOException {
        Path latest = directory.resolve("LATEST");
        if (!Files.exists(latest)) return null;
        Path target = directory.resolve(Files.readString(latest).strip());
        if (!Files.exists(target) && Files.exists(old(target))) Files.move(old(target), target, StandardCopyOption.ATOMIC_MOVE);
        JsonNode json = Json.readObject(target.resolve("state.json"), MAX_STATE, TrainingFault.CHECKPOINT_INVALID);
        String found = json.path("identity").asString("");
        if (!found.equals(identity)) {
            throw Fault.of(TrainingFault.RESUME_MISMATCH, "the checkpoint belongs to another run").where(target)
                    .got(found).expected(identity).next("use another run directory, or remove this one").exception();
        }
        return TrainState.of(json, target);
    }

    /// Copies weights, and moments where `moments`, of a saved step into the live tensors.
    void load(int step, boolean moments) throws IOException {
        try (Scope scope = new Ledger().scope("checkpoint")) {
            copy(path(step).resolve("weights.safetensors"), weights(), scope);
            if (moments) copy(path(step).resolve("state.safetensors"), trainee.optimizer().state(), scope);
        }
    }

    private static void copy(Path file, Map<String, Tensor> targets, Scope scope) throws IOException {
        Safetensors saved = Safetensors.open(file, scope);
        for (Map.Entry<String, Tensor> target : targets.entrySet()) {
            Tensor source = saved.find(target.getKey());
            if (source == null || source.dtype() != target.getValue().dtype() || !source.sameShape(target.getValue())) {
                throw Fault.of(TrainingFault.CHECKPOINT_INVALID, "the checkpoint does not hold %s", target.getKey()).where(file)
                        .got(source).expected(target.getValue()).next("remove this checkpoint").exception();
            }
            MemorySegment.copy(source.data(), 0, target.getValue().data(), 0, source.bytes());
        }
    }

    private Map<String, Tensor> weights() {
        Map<String, Tensor> weights = new TreeMap<>();
        for (Parameter parameter : trainee.parameters()) weights.put(parameter.name(), parameter.value());
        return weights;
    }

    private TreeSet<Integer> steps() throws IOException {
        TreeSet<Integer> steps = new TreeSet<>();
        try (Stream<Path> files = Files.list(directory)) {
            files.map(file -> file.getFileName().toString()).filter(name -> name.matches("step-\\d{6,9}"))
                    .forEach(name -> steps.add(Integer.parseInt(name.substring(5))));
        }
        return steps;
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) return;
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) Files.delete(file);
        }
    }
}
