// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.Json;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// Reads a PEFT LoRA directory: `adapter_config.json` and `adapter_model.safetensors` (the format of Hugging Face
/// peft). Every tensor is bound to a module of the base or reported; nothing is applied in part.
public final class PeftReader {
    static final String CONFIG = "adapter_config.json";
    static final String WEIGHTS = "adapter_model.safetensors";
    static final long CONFIG_LIMIT = 4L << 20;
    private static final int SHOWN = 50;
    static final Pattern KEY = Pattern.compile("base_model\\.model\\.(.+)\\.lora_([AB])(?:\\.[^.]+)?\\.weight");

    private static final Pattern MAGNITUDE =
            Pattern.compile("base_model\\.model\\.(.+)\\.lora_magnitude_vector(?:\\.[^.]+)?(?:\\.weight)?");
    private static final Pattern EMBEDDING = Pattern.compile("base_model\\.model\\.(.+)\\.lora_embedding_([AB])(?:\\.[^.]+)?");

    /// PEFT stores the base's own matrix beside the factors of an embedding or head; it is not part of the adapter.
    private static final String BASE_COPY = ".base_layer.weight";

    private PeftReader() {}

    /// The adapter in `directory` (or in its only subfolder that holds one). `baseShapes` gives [outputs, inputs] of each
    /// linear layer by canonical path. Factors are F32, F16 or BF16 as stored, mapped into `scope`.
    public static Adapter read(Path directory, Map<String, long[]> baseShapes, Scope scope) throws IOException {
        Path place = locate(directory);
        PeftConfig config = PeftConfig.parse(Json.readObject(place.resolve(CONFIG), CONFIG_LIMIT, EngineFault.ADAPTER_INVALID), place.resolve(CONFIG));
        Weights weights = Safetensors.open(place.resolve(WEIGHTS), scope);
        SortedMap<String, Tensor[]> factors = new TreeMap<>();
        List<String> issues = new ArrayList<>();
        for (String key : weights.names()) {
            if (key.endsWith(BASE_COPY) && (weights.find(key.replace(BASE_COPY, ".lora_A.weight")) != null
                    || weights.find(key.replace(BASE_COPY, ".lora_embedding_A")) != null)) continue;
            Matcher match = KEY.matcher(key);
            if (!match.matches()) {
                if (magnitude(key, weights, factors) || embedding(key, weights, factors)) continue;
                issues.add(key + " " + weights.find(key).describe() + ": " + leftover(key));
                continue;
            }
            Tensor[] pair = factors.computeIfAbsent(match.group(1), name -> new Tensor[3]);
            int side = match.group(2).equals("A") ? 0 : 1;
            if (pair[side] != null) issues.add(key + ": the factor is there twice");
            pair[side] = weights.find(key);
        }
        SortedMap<TargetId, Delta> entries = new TreeMap<>();
        factors.forEach((module, pair) -> {
            if (PeftExperts.matches(module) && pair[0] != null && pair[1] != null && pair[2] == null) {
                PeftExperts.bind(module, pair[0], pair[1], config, baseShapes, scope, entries, issues);
            } else {
                bind(module, pair, config, baseShapes, entries, issues);
            }
        });
        if (!issues.isEmpty()) {
            int count = issues.size();
            if (count > SHOWN) issues.subList(SHOWN, count).clear();
            throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "the adapter does not fit this base: %d of its tensors are wrong", count)
                    .where(place.resolve(WEIGHTS)).next("use the base the adapter was trained on").issues(issues).exception();
        }
        if (entries.isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INVALID, "the adapter changes nothing: it has no LoRA factors").where(place.resolve(WEIGHTS))
                    .got(weights.names().size() + " tensors").expected("lora_A and lora_B pairs").next("export the adapter again").exception();
        }
        return new Adapter(AdapterHash.of(entries), config.baseHash(), entries);
    }

    /// The magnitude of a weight-decomposed layer, beside its factors.
    private static boolean magnitude(String key, Weights weights, SortedMap<String, Tensor[]> factors) {
        Matcher match = MAGNITUDE.matcher(key);
        if (!match.matches()) return false;
        factors.computeIfAbsent(match.group(1), name -> new Tensor[3])[2] = weights.find(key);
        return true;
    }

    /// Factors of an input table, A (r, vocab) and B (dim, r).
    private static boolean embedding(String key, Weights weights, SortedMap<String, Tensor[]> factors) {
        Matcher match = EMBEDDING.matcher(key);
        if (!match.matches()) return false;
        factors.computeIfAbsent(match.group(1), name -> new Tensor[3])[match.group(2).equals("A") ? 0 : 1] = weights.find(key);
        return true;
    }

    /// Why a tensor cannot be part of a plain low-rank update.
    private static String leftover(String key) {
        if (!key.startsWith("base_model.model.")) return "the name does not begin with base_model.model.";
        if (key.contains(".lora_diag")) return "KaSA is not supported yet";
        if (key.contains(".token_adapter.") || key.contains("trainable_tokens")) return "trained tokens are not supported yet";
        if (key.endsWith(".bias")) return "adapted biases are not supported yet";
        if (key.contains("lora_")) return "not a LoRA factor of a linear layer";
        return "a full tensor (modules_to_save) is not supported yet";
    }

    private static void bind(String module, Tensor[] pair, PeftConfig config, Map<String, long[]> baseShapes,
            SortedMap<TargetId, Delta> entries, List<String> issues) {
        Tensor a = pair[0], b = pair[1];
        if (a == null || b == null) {
            issues.add(module + ": lora_" + (a == null ? "A" : "B") + " is missing");
            return;
        }
        String path = ModuleNames.canonical(module);
        long[] base = baseShapes.get(path);
        if (base == null) {
            issues.add(module + ": the base has no such linear layer");
            return;
        }
        if (a.rank() != 2 || b.rank() != 2 || a.dim(0) != b.dim(1) || a.dim(0) == 0) {
            issues.add(module + ": lora_A " + a.describe() + " and lora_B " + b.describe() + " are not a pair (r, in), (out, r)");
            return;
        }
        if (a.dim(1) != base[1] || b.dim(0) != base[0]) {
            issues.add(module + ": adapter [" + b.dim(0) + ", " + a.dim(1) + "], base " + Arrays.toString(base) + " [out, in]");
            return;
        }
        if (config.rankOf(module) != a.dim(0)) {
            issues.add(module + ": rank " + a.dim(0) + " in the file, " + config.rankOf(module) + " in " + CONFIG);
            return;
        }
        double scale = config.scaleOf(module);
        if (!Double.isFinite(scale)) issues.add(module + ": scale " + scale + " is not finite");
        Tensor magnitude = pair[2];
        if (magnitude != null && magnitude.elements() != base[0]) {
            issues.add(module + ": the magnitude " + magnitude.describe() + " has not one value for each of " + base[0] + " outputs");
            return;
        }
        for (Tensor factor : pair) {
            if (factor == null) continue;
            DType type = factor.dtype();
            if (type != DType.F32 && type != DType.F16 && type != DType.BF16) {
                issues.add(module + ": dtype " + type + ", expected F32, F16 or BF16");
                return;
            }
            if (!finite(factor)) issues.add(module + ": lora_" + (factor == a ? "A" : factor == b ? "B" : "magnitude_vector") + " holds NaN or infinity");
        }
        Delta.LowRank update = new Delta.LowRank(a, b, scale);
        Delta delta = magnitude == null ? update : new Delta.Dora(update, magnitude.view(base[0]), null);
        if (entries.put(TargetId.ofPath(path), delta) != null) {
            issues.add(module + ": two pairs of tensors name the layer " + path);
        }
    }

    private static boolean finite(Tensor tensor) {
        float[] row = new float[tensor.cols()];
        for (int r = 0; r < tensor.rows(); r++) {
            Quant.decodeRow(tensor, r, row, 0);
            for (float value : row) if (!Float.isFinite(value)) return false;
        }
        return true;
    }

    /// The directory itself, or the single subfolder with an adapter (PEFT puts named adapters there).
    static Path locate(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw Fault.of(EngineFault.MISSING_FILE, "there is no adapter directory").where(directory)
                    .expected("a directory with " + CONFIG + " and " + WEIGHTS).next("check the path").exception();
        }
        if (!Files.exists(directory.resolve(CONFIG))) {
            List<Path> found;
            try (Stream<Path> children = Files.list(directory)) {
                found = children.filter(child -> Files.isRegularFile(child.resolve(CONFIG))).sorted().toList();
            }
            if (found.size() == 1) return locate(found.getFirst());
            if (found.size() > 1) {
                throw Fault.of(EngineFault.ADAPTER_INVALID, "the directory holds several adapters").where(directory)
                        .got(found.stream().map(path -> path.getFileName().toString()).toList()).next("name one of these subfolders").exception();
            }
        }
        for (String file : List.of(CONFIG, WEIGHTS)) {
            if (Files.isRegularFile(directory.resolve(file))) continue;
            boolean pickle = file.equals(WEIGHTS) && Files.exists(directory.resolve("adapter_model.bin"));
            throw Fault.of(pickle ? EngineFault.UNSAFE_FILE : EngineFault.MISSING_FILE, "the adapter has no %s", file).where(directory)
                    .next(pickle ? "convert adapter_model.bin to safetensors; pickle files are never read" : "export the adapter again").exception();
        }
        return directory;
    }
}
