// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Writes an adapter as a PEFT directory with the smallest configuration that every tool reads: integral alpha, no
/// rank-stabilized scale, F32 factors (BF16 when F32 would exceed 8 MiB); factors of 16 bits stay as they are.
public final class PeftWriter {
    private static final String PEFT_VERSION = "0.21.2";
    private static final long F32_LIMIT = 8L << 20;

    private PeftWriter() {}

    /// Writes to `directory`, which must be free. `baseModules` are the canonical paths of all linear layers of the base:
    /// a leaf name is listed as target only when it selects exactly adapted layers.
    public static void write(Adapter adapter, String baseName, Collection<String> baseModules, Path directory) throws IOException {
        requireWritable(adapter);
        Map<String, Delta.LowRank> modules = new TreeMap<>();
        Map<String, Tensor> magnitudes = new TreeMap<>();
        PeftExpertsWriter experts = new PeftExpertsWriter(baseModules);
        adapter.entries().forEach((target, delta) -> {
            switch (delta) {
                case Delta.LowRank low when ExpertPath.of(target.path()) != null -> experts.add(ExpertPath.of(target.path()), low);
                case Delta.LowRank low -> modules.put(target.path(), low);
                case Delta.Dora dora -> {
                    modules.put(target.path(), dora.update());
                    magnitudes.put(target.path(), dora.magnitude());
                }
            }
        });
        boolean half = modules.values().stream().mapToLong(low -> 4 * (low.a().elements() + low.b().elements())).sum() > F32_LIMIT;
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        Map<String, Integer> ranks = new TreeMap<>();
        Map<String, Long> alphas = new TreeMap<>();
        modules.forEach((path, low) -> {
            double alpha = low.scale() * low.rank();
            boolean integral = Math.abs(alpha - Math.rint(alpha)) <= 1e-9;
            ranks.put(path, low.rank());
            alphas.put(path, integral ? (long) Math.rint(alpha) : low.rank());
            String key = "base_model.model." + ModuleNames.huggingFace(path);
            boolean table = path.equals("embed_tokens");
            tensors.put(key + (table ? ".lora_embedding_A" : ".lora_A.weight"), stored(low.a(), 1, half));
            tensors.put(key + (table ? ".lora_embedding_B" : ".lora_B.weight"), stored(low.b(), integral ? 1 : low.scale(), half));
            if (magnitudes.containsKey(path)) tensors.put(key + ".lora_magnitude_vector", magnitudes.get(path));
        });
        Set<String> parameters = new TreeSet<>();
        experts.pack().forEach((path, packed) -> {
            double alpha = packed.scale() * packed.rank();
            boolean integral = Math.abs(alpha - Math.rint(alpha)) <= 1e-9;
            ranks.put(path, packed.rank());
            alphas.put(path, integral ? (long) Math.rint(alpha) : packed.rank());
            parameters.add(path);
            String key = "base_model.model." + ModuleNames.huggingFace(path.substring(0, path.lastIndexOf('.'))) + (packed.inner() ? ".base_layer" : "");
            tensors.put(key + ".lora_A.weight", stored(packed.a(), 1, half));
            tensors.put(key + ".lora_B.weight", stored(packed.b(), integral ? 1 : packed.scale(), half));
        });
        String config = Json.pretty(config(adapter, baseName, ranks, alphas, baseModules, !magnitudes.isEmpty(), parameters));
        AtomicFiles.writeDirectory(directory, part -> {
            AtomicFiles.write(part.resolve("adapter_config.json"), config);
            SafetensorsWriter.write(part.resolve("adapter_model.safetensors"), tensors, Map.of());
        });
    }

    /// The smallest configuration has no words for everything that can be read.
    private static void requireWritable(Adapter adapter) {
        List<String> issues = new ArrayList<>();
        boolean experts = adapter.entries().keySet().stream().anyMatch(target -> ExpertPath.of(target.path()) != null);
        long decomposed = adapter.entries().values().stream().filter(Delta.Dora.class::isInstance).count();
        if (decomposed > 0 && experts) issues.add("DoRA beside updates of experts");
        if (decomposed > 0 && decomposed < adapter.entries().size()) issues.add("DoRA in " + decomposed + " of " + adapter.entries().size() + " modules");
        adapter.entries().forEach((target, delta) -> {
            if (delta.update().bias() != null) issues.add(target.path() + " has a bias");
        });
        adapter.full().keySet().forEach(name -> issues.add(name + " is replaced as a whole"));
        adapter.tokens().keySet().forEach(path -> issues.add("rows of " + path + " are replaced"));
        if (!adapter.invocationTokens().isEmpty()) issues.add("it acts only after an invocation sequence");
        if (issues.isEmpty()) return;
        throw Fault.of(EngineFault.ADAPTER_INVALID, "a portable PEFT directory cannot hold all of this adapter").issues(issues)
                .next("keep the files it came from, or fuse it into its base").exception();
    }

    private static ObjectNode config(Adapter adapter, String baseName, Map<String, Integer> ranks, Map<String, Long> alphas,
            Collection<String> baseModules, boolean dora, Set<String> parameters) {
        int rank = mostFrequent(ranks.values());
        long alpha = mostFrequent(alphas.values());
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        ObjectNode alphaPattern = JsonNodeFactory.instance.objectNode();
        alphas.forEach((path, value) -> {
            if (value != alpha) alphaPattern.put(path, value);
        });
        ObjectNode rankPattern = JsonNodeFactory.instance.objectNode();
        ranks.forEach((path, value) -> {
            if (value != rank) rankPattern.put(path, value);
        });
        root.set("alpha_pattern", alphaPattern);
        root.put("base_model_name_or_path", baseName).put("bias", "none").put("fan_in_fan_out", false);
        root.put("inference_mode", true).put("init_lora_weights", true).put("lora_alpha", alpha).put("lora_dropout", 0.0);
        root.putNull("modules_to_save").put("peft_type", "LORA").put("peft_version", PEFT_VERSION).put("r", rank);
        root.set("rank_pattern", rankPattern);
        if (adapter.baseHash() != null) root.putObject("stoa").put("base_hash", adapter.baseHash());
        Set<String> linear = new TreeSet<>(ranks.keySet());
        linear.removeAll(parameters);
        targets(linear, baseModules).forEach(root.putArray("target_modules")::add);
        if (!parameters.isEmpty()) parameters.forEach(root.putArray("target_parameters")::add);
        return root.put("task_type", "CAUSAL_LM").put("use_dora", dora).put("use_rslora", false);
    }

    /// Leaf names that select only adapted layers, and whole paths for the rest (PEFT matches path suffixes).
    private static Set<String> targets(Set<String> adapted, Collection<String> baseModules) {
        Set<String> partial = baseModules.stream().filter(path -> !adapted.contains(path)).map(PeftWriter::leaf).collect(Collectors.toSet());
        return adapted.stream().map(path -> partial.contains(leaf(path)) ? ModuleNames.huggingFace(path) : leaf(path))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static String leaf(String path) {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    private static <T extends Comparable<T>> T mostFrequent(Collection<T> values) {
        Map<T, Integer> counts = new HashMap<>();
        for (T value : values) counts.merge(value, 1, Integer::sum);
        return counts.entrySet().stream().max(Map.Entry.<T, Integer>comparingByValue().thenComparing(Map.Entry.comparingByKey())).orElseThrow().getKey();
    }

    /// A factor times `factor` in the dtype of the file, on the heap until written.
    private static Tensor stored(Tensor source, double factor, boolean half) {
        if (factor == 1 && (source.dtype() != DType.F32 || !half)) return source;
        float[] values = Quant.decode(source);
        if (factor != 1) for (int i = 0; i < values.length; i++) values[i] = (float) (values[i] * factor);
        Tensor wide = Tensor.of(values, source.shape());
        if (!half) return wide;
        MemorySegment data = MemorySegment.ofArray(new byte[Math.toIntExact(DType.BF16.bytes(values.length))]);
        Quant.format(DType.BF16).encode(values, 0, values.length, data, 0);
        return new Tensor(data, DType.BF16, source.shape());
    }
}
