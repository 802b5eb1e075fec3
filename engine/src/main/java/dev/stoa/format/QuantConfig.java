// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static dev.stoa.EngineFault.CONFIG_INVALID;

import dev.stoa.Fault;
import dev.stoa.quant.QuantSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// What the files of a model directory declare about quantization: the `quantization` block of `config.json` (MLX) with
/// its overrides per module, `jang_config.json`, `codebook_config.json`. `declared` is whether there is any such block.
public record QuantConfig(boolean declared, QuantSpec all, Map<String, QuantSpec> modules, Set<String> denseModules,
        List<CodebookTensor> codebooks, Jang jang) {
    /// Methods of other tools whose tensors are laid out in other ways.
    private static final Set<String> FOREIGN = Set.of("awq", "gptq", "bitsandbytes", "aqlm", "eetq", "hqq", "quip", "compressed-tensors");
    private static final long MAX_JSON = 64L << 20;

    /// One matrix of a vector-quantized model.
    public record CodebookTensor(String name, List<Long> shape, String indices, String book, QuantSpec spec) {}

    /// Bits by role of a module.
    public record Jang(int group, int bits, Map<String, Integer> roles) {
        private QuantSpec of(String module) {
            String role = module.contains("embed_tokens") ? "embed_tokens" : module.endsWith("lm_head") ? "lm_head"
                    : module.contains("shared_expert") ? "shared_expert"
                    : module.contains(".experts.") || module.contains("switch_mlp") ? "routed_expert"
                    : module.contains("_attn.") ? "attention" : "";
            return new QuantSpec("jang", roles.getOrDefault(role, bits), group);
        }
    }

    public QuantConfig {
        modules = Map.copyOf(modules);
        denseModules = Set.copyOf(denseModules);
        codebooks = List.copyOf(codebooks);
    }

    /// Reads the declarations beside a parsed `config.json`.
    public static QuantConfig read(Path directory, JsonNode config) throws IOException {
        JsonNode foreign = config.path("quantization_config").path("quant_method");
        if (foreign.isString() && FOREIGN.contains(foreign.stringValue())) {
            throw Fault.of(CONFIG_INVALID, "weights quantized by %s are not read", foreign.stringValue()).where(directory.resolve("config.json"))
                    .expected("float weights, MLX layout or GGUF").next("convert the model first").exception();
        }
        JsonNode block = config.hasNonNull("quantization") ? config.get("quantization")
                : foreign.isMissingNode() && config.hasNonNull("quantization_config") ? config.get("quantization_config") : null;
        Map<String, QuantSpec> modules = new HashMap<>();
        Set<String> dense = new HashSet<>();
        QuantSpec all = new QuantSpec(null, 0, 0);
        if (block != null) {
            JsonFields fields = new JsonFields(block, directory.resolve("config.json") + ": quantization", CONFIG_INVALID);
            all = spec(fields);
            for (Map.Entry<String, JsonNode> item : block.properties()) {
                if (item.getValue().isObject()) modules.put(item.getKey(), spec(fields.object(item.getKey())));
                else if (item.getValue().isBoolean() && !item.getValue().booleanValue()) dense.add(item.getKey());
            }
        }
        Jang jang = jang(directory.resolve("jang_config.json"));
        return new QuantConfig(block != null || jang != null, all, modules, dense, codebooks(directory.resolve("codebook_config.json")), jang);
    }

    private static QuantSpec spec(JsonFields fields) {
        return new QuantSpec(fields.text("mode", null), fields.integer("bits", 0), fields.integer("group_size", 0));
    }

    private static Jang jang(Path file) throws IOException {
        if (!Files.exists(file)) return null;
        JsonFields root = new JsonFields(Json.readObject(file, MAX_JSON, CONFIG_INVALID), file + ":", CONFIG_INVALID);
        if (root.text("weight_format", "").equals("mxtq")) {
            throw root.fault("weight_format", "JANGTQ weights are not read").expected("affine JANG")
                    .next("use another quantization of this model").exception();
        }
        JsonFields quantization = root.has("quantization") ? root.object("quantization") : root;
        Map<String, Integer> roles = new HashMap<>();
        for (String role : List.of("attention", "shared_expert", "routed_expert", "embed_tokens", "lm_head")) {
            if (quantization.has(role)) roles.put(role, quantization.integer(role));
            else if (root.has(role)) roles.put(role, root.integer(role));
        }
        int group = quantization.integer("group_size", root.integer("group_size", 0));
        return new Jang(group, quantization.integer("bits_default", root.integer("bits_default", 0)), Map.copyOf(roles));
    }

    private static List<CodebookTensor> codebooks(Path file) throws IOException {
        List<CodebookTensor> all = new ArrayList<>();
        if (!Files.exists(file)) return all;
        JsonFields root = new JsonFields(Json.readObject(file, MAX_JSON, CONFIG_INVALID), file + ":", CONFIG_INVALID);
        if (!root.text("type", "codebook").equals("codebook") || !root.text("format", "vq").equals("vq")) {
            throw root.fault("format", "an unknown codebook format").expected("type codebook, format vq").next("convert the model first").exception();
        }
        for (JsonFields item : root.objects("tensors")) {
            List<Long> shape = new ArrayList<>();
            for (JsonNode dim : item.list("shape")) {
                if (!dim.isIntegralNumber() || !dim.canConvertToLong() || dim.longValue() < 1) {
                    throw item.fault("shape", "a dimension is not positive").next("correct the file").exception();
                }
                shape.add(dim.longValue());
            }
            int bits = item.integer("index_bits", root.integer("index_bits", 8));
            int dim = item.integer("code_dim", root.integer("code_dim", 0));
            all.add(new CodebookTensor(item.text("name"), List.copyOf(shape), item.text("index_tensor"), item.text("codebook_tensor"),
                    new QuantSpec("vq", bits, dim)));
        }
        return all;
    }

    boolean dense(String module) {
        return denseModules.contains(module);
    }

    /// The declaration for a module; its own override counts alone, as in MLX.
    QuantSpec of(String module) {
        if (jang != null) return jang.of(module);
        return modules.getOrDefault(module, all);
    }
}
