// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.Json;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
    static final Pattern KEY = Pattern.compile("base_model\\.model\\.(.+)\\.lora_([AB])(?:\\.[^.]+)?\\.weight");

    /// The base's own matrix beside the factors of an embedding or head; it is not part of the adapter.
    private static final String BASE_COPY = ".base_layer.weight";

    private static final Pattern EMBEDDING = Pattern.compile("base_model\\.model\\.(.+)\\.lora_embedding_([AB])(?:\\.[^.]+)?");
    private static final Pattern BIAS = Pattern.compile("base_model\\.model\\.(.+)\\.lora_B(?:\\.[^.]+)?\\.bias");
    private static final Pattern MAGNITUDE =
            Pattern.compile("base_model\\.model\\.(.+)\\.lora_magnitude_vector(?:\\.(?!weight$)[^.]+)?(?:\\.weight)?");
    private static final Pattern DIAGONAL = Pattern.compile("base_model\\.model\\.(.+)\\.lora_diag(?:\\.[^.]+)?");
    private static final Pattern TOKENS =
            Pattern.compile("base_model\\.model\\.(.+)\\.token_adapter\\.trainable_tokens_delta(?:\\.[^.]+)?");
    private static final Pattern FULL =
            Pattern.compile("base_model\\.model\\.(.+?)(?:\\.modules_to_save(?:\\.[^.]+)?|\\.base_layer)?\\.(weight|bias)");

    /// How fused experts that could be read both ways are meant; `AUTO` believes the version of the writer.
    public enum MoeOrientation { AUTO, LEGACY, MODERN }

    /// What a file holds for one module.
    static final class Parts {
        Tensor a;
        Tensor b;
        Tensor bias;
        Tensor magnitude;
        Tensor diagonal;
    }

    private PeftReader() {}

    /// The adapter in `directory` (or in its only subfolder that holds one). `baseShapes` gives [outputs, inputs] of each
    /// module that can be updated, as in [AdapterBase#modules]. Factors are F32, F16 or BF16 as stored, mapped into `scope`.
    public static Adapter read(Path directory, Map<String, long[]> baseShapes, Scope scope) throws IOException {
        return read(directory, AdapterBase.ofModules(baseShapes), MoeOrientation.AUTO, scope);
    }

    /// Like [#read(Path, Map, Scope)], for a base that is known as a whole.
    public static Adapter read(Path directory, AdapterBase base, MoeOrientation orientation, Scope scope) throws IOException {
        return read(directory, base, new ReadOptions(orientation, null), scope);
    }

    /// Like [#read(Path, Map, Scope)], with what the directory does not say. With an initial adapter the result is plain,
    /// of twice the rank, for the base as it was before.
    public static Adapter read(Path directory, AdapterBase base, ReadOptions options, Scope scope) throws IOException {
        if (options.initial() == null) return one(directory, base, options, false, scope);
        Adapter trained = one(directory, base, options, true, scope);
        return InitialAdapter.subtract(trained, one(options.initial(), base, options, true, scope), directory, scope);
    }

    private static Adapter one(Path directory, AdapterBase base, ReadOptions options, boolean beside, Scope scope) throws IOException {
        Path place = locate(directory);
        PeftConfig config = PeftConfig.parse(Json.readObject(place.resolve(CONFIG), CONFIG_LIMIT, EngineFault.ADAPTER_INVALID), place.resolve(CONFIG), beside);
        Weights weights = Safetensors.open(place.resolve(WEIGHTS), scope);
        AdapterBuilder builder = new AdapterBuilder(base);
        SortedMap<String, Parts> modules = new TreeMap<>();
        for (String key : weights.names()) sort(key, weights, modules, config, builder);
        PeftExperts experts = new PeftExperts(config, base, options.orientation(), builder, scope);
        modules.forEach((name, parts) -> {
            if (parts.a == null || parts.b == null) builder.issues.add(name + ": lora_" + (parts.a == null ? "A" : "B") + " is missing");
            else if (PeftExperts.fused(ModuleNames.canonical(name), base)) experts.unpack(name, parts);
            else linear(name, parts, config, builder, scope);
        });
        for (String module : config.fullModules()) {
            if (weights.names().stream().noneMatch(key -> key.contains("." + module + ".") && !key.contains("lora_"))) {
                builder.issues.add("modules_to_save names " + module + ", but no tensor replaces it");
            }
        }
        builder.invocation(config.invocationTokens());
        return builder.finish(place.resolve(WEIGHTS), config.baseHash());
    }

    /// Puts a tensor where it belongs; every key belongs somewhere or is an issue.
    private static void sort(String key, Weights weights, SortedMap<String, Parts> modules, PeftConfig config, AdapterBuilder builder) {
        Tensor tensor = weights.find(key);
        Matcher match;
        if ((match = KEY.matcher(key)).matches() || (match = EMBEDDING.matcher(key)).matches()) {
            Parts parts = modules.computeIfAbsent(match.group(1), name -> new Parts());
            boolean isA = match.group(2).equals("A");
            if ((isA ? parts.a : parts.b) != null) builder.issues.add(key + ": the factor is there twice");
            if (isA) parts.a = tensor;
            else parts.b = tensor;
        } else if ((match = BIAS.matcher(key)).matches()) {
            modules.computeIfAbsent(match.group(1), name -> new Parts()).bias = tensor;
        } else if ((match = MAGNITUDE.matcher(key)).matches()) {
            modules.computeIfAbsent(match.group(1), name -> new Parts()).magnitude = tensor;
        } else if ((match = DIAGONAL.matcher(key)).matches()) {
            modules.computeIfAbsent(match.group(1), name -> new Parts()).diagonal = tensor;
        } else if ((match = TOKENS.matcher(key)).matches()) {
            String path = ModuleNames.canonical(match.group(1));
            List<Integer> ids = config.tokens().get(path.substring(path.lastIndexOf('.') + 1));
            if (ids == null) builder.issues.add(key + ": trained tokens, but " + CONFIG + " names no trainable_token_indices for them");
            else builder.rows(key, path, ids, tensor);
        } else if (key.endsWith(BASE_COPY) && copyOfBase(key, weights)) {
            return;
        } else if ((match = FULL.matcher(key)).matches() && !key.contains("lora_")) {
            builder.replace(key, ModuleNames.canonical(match.group(1)) + "." + match.group(2), tensor);
        } else {
            builder.issues.add(key + " " + tensor.describe() + ": " + (!key.startsWith("base_model.model.")
                    ? "the name does not begin with base_model.model." : "not a LoRA factor of a linear layer"));
        }
    }

    /// Whether PEFT stored the base's own matrix beside what was trained.
    private static boolean copyOfBase(String key, Weights weights) {
        String module = key.substring(0, key.length() - BASE_COPY.length());
        String outer = module.endsWith(".token_adapter") ? module : module + ".token_adapter";
        return weights.names().stream().anyMatch(name -> name.startsWith(module + ".lora_") || name.startsWith(outer + ".trainable_tokens_delta"));
    }

    private static void linear(String name, Parts parts, PeftConfig config, AdapterBuilder builder, Scope scope) {
        String path = ModuleNames.canonical(name);
        boolean table = path.equals("embed_tokens");
        if (parts.a.rank() == 2 && config.rankOf(name) != parts.a.dim(0)) {
            builder.issues.add(name + ": rank " + parts.a.dim(0) + " in the file, " + config.rankOf(name) + " in " + CONFIG);
            return;
        }
        if (config.dora() != (parts.magnitude != null) || table && parts.magnitude != null) {
            builder.issues.add(name + ": " + (table ? "DoRA of an input table is not supported; train it as a plain LoRA"
                    : config.dora() ? "use_dora, but no lora_magnitude_vector" : "a lora_magnitude_vector, but use_dora is false"));
            return;
        }
        Tensor b = parts.b;
        if (parts.diagonal != null) { // KaSA (Wang et al. 2412.06071): dW = scale * B * diag * A
            if (parts.diagonal.elements() != b.cols() || !FactorLayout.isFloat(parts.diagonal) || !FactorLayout.isFloat(b)) {
                builder.issues.add(name + ": lora_diag " + parts.diagonal.describe() + " beside lora_B " + b.describe());
                return;
            }
            b = FactorLayout.scaleColumns(b, Quant.decode(parts.diagonal), scope);
        }
        builder.update(name, path, parts.a, b, config.scaleOf(name), parts.bias, parts.magnitude);
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
