// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import static dev.stoa.EngineFault.ADAPTER_INVALID;

import dev.stoa.Fault;
import dev.stoa.format.Json;
import dev.stoa.format.JsonFields;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Reads an adapter directory of mlx-lm (`adapters.safetensors`), or of go-mlx (`adapter.safetensors`): factors are stored
/// transposed, y = W x + scale * ((x a) b), with one rank and one scale for all modules. In mlx-lm the scale is a direct
/// multiplier, in go-mlx it is alpha / rank. Factors are copied, transposed, into the scope; those of experts are mapped.
public final class MlxReader {
    static final String WEIGHTS = "adapters.safetensors";
    static final String GO_WEIGHTS = "adapter.safetensors";
    private static final Pattern KEY = Pattern.compile("(.+)\\.(lora_a|lora_b|m)");
    private static final String SWITCH = ".switch_mlp.";

    /// Rank 0 means that the file does not say.
    private record Config(int rank, double scale, boolean dora) {}

    private static final class Parts {
        private Tensor a;
        private Tensor b;
        private Tensor m;
    }

    private MlxReader() {}

    public static Adapter read(Path directory, AdapterBase base, Scope scope) throws IOException {
        boolean go = !Files.exists(directory.resolve(WEIGHTS));
        Path file = directory.resolve(go ? GO_WEIGHTS : WEIGHTS);
        Config config = config(directory.resolve(PeftReader.CONFIG), go);
        Weights weights = Safetensors.open(file, scope);
        AdapterBuilder builder = new AdapterBuilder(base);
        Map<String, Parts> modules = new TreeMap<>();
        for (String key : weights.names()) {
            Matcher match = KEY.matcher(key);
            if (!match.matches()) {
                builder.issues.add(key + " " + weights.find(key).describe() + ": not lora_a, lora_b or m of a module");
                continue;
            }
            Parts parts = modules.computeIfAbsent(match.group(1), name -> new Parts());
            switch (match.group(2)) {
                case "lora_a" -> parts.a = weights.find(key);
                case "lora_b" -> parts.b = weights.find(key);
                default -> parts.m = weights.find(key);
            }
        }
        modules.forEach((name, parts) -> module(name, parts, config, builder, scope));
        return builder.finish(file, null);
    }

    private static Config config(Path file, boolean go) throws IOException {
        JsonFields root = new JsonFields(Json.readObject(file, PeftReader.CONFIG_LIMIT, ADAPTER_INVALID), file + ":", ADAPTER_INVALID);
        String type = root.text("fine_tune_type", "lora");
        if (!type.equals("lora") && !type.equals("dora")) {
            throw root.fault("fine_tune_type", "this is not an adapter").expected("lora or dora")
                    .next("a full fine-tune is a model: load it as one").exception();
        }
        JsonFields lora = root.has("lora_parameters") ? root.object("lora_parameters") : root;
        int rank = lora.integer("rank", 0);
        double alpha = lora.number("alpha", Double.NaN);
        if (go) {
            if (rank < 1 || !Double.isFinite(alpha)) {
                throw Fault.of(ADAPTER_INVALID, "rank and alpha are needed").where(file).expected("rank and alpha").next("export the adapter again").exception();
            }
            return new Config(rank, alpha / rank, type.equals("dora"));
        }
        double scale = lora.number("scale", Double.NaN);
        if (!Double.isFinite(scale)) throw lora.fault("scale", "the scale is missing").expected("a number").next("export the adapter again").exception();
        if (!Double.isNaN(alpha) && Math.abs(scale - alpha / rank) > 1e-9) {
            throw lora.fault("alpha", "scale and alpha contradict each other").expected("scale " + scale + " = alpha / rank " + rank)
                    .next("correct the one that was not trained with").exception();
        }
        return new Config(rank, scale, type.equals("dora"));
    }

    private static void module(String name, Parts parts, Config config, AdapterBuilder builder, Scope scope) {
        String path = ModuleNames.canonical(name);
        if (parts.a == null || parts.b == null) {
            builder.issues.add(name + ": lora_" + (parts.a == null ? "a" : "b") + " is missing");
            return;
        }
        if (config.dora() != (parts.m != null)) {
            builder.issues.add(name + ": " + (config.dora() ? "fine_tune_type dora, but no m" : "an m, but fine_tune_type is lora"));
            return;
        }
        int at = path.indexOf(SWITCH);
        boolean experts = at >= 0;
        if (parts.a.rank() != (experts ? 3 : 2) || parts.b.rank() != parts.a.rank() || !FactorLayout.isFloat(parts.a) || !FactorLayout.isFloat(parts.b)) {
            builder.issues.add(name + ": lora_a " + parts.a.describe() + " and lora_b " + parts.b.describe() + " are no pair of float factors");
            return;
        }
        long rank = parts.a.dim(1);
        if (config.rank() > 0 && rank != config.rank()) {
            builder.issues.add(name + ": rank " + rank + " in the file, " + config.rank() + " in " + PeftReader.CONFIG);
            return;
        }
        if (!experts) {
            builder.update(name, path, FactorLayout.transpose(parts.a, scope), FactorLayout.transpose(parts.b, scope), config.scale(), null, parts.m);
            return;
        }
        // lora_a (E, r, in), lora_b (E, out, r): already as A and B
        long count = parts.a.dim(0);
        if (parts.b.dim(0) != count || parts.m != null) {
            builder.issues.add(name + ": lora_a " + parts.a.describe() + " and lora_b " + parts.b.describe() + " for different numbers of experts");
            return;
        }
        for (int e = 0; e < count; e++) {
            String expert = path.substring(0, at) + ".experts." + e + "." + path.substring(at + SWITCH.length());
            int r = Math.toIntExact(parts.a.dim(1));
            int out = Math.toIntExact(parts.b.dim(1));
            builder.update(name, expert, parts.a.slice(e * r, (e + 1) * r), parts.b.slice(e * out, (e + 1) * out), config.scale(), null, null);
        }
    }
}
