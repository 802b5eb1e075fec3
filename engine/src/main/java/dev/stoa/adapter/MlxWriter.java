// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Writes an adapter as mlx-lm reads it: one rank (smaller ones padded with zeros), one scale (others folded into b), no
/// tensor that is not a factor. Bit-exact for modules of the common rank and scale.
public final class MlxWriter {
    private MlxWriter() {}

    /// Writes to `directory`, which must be free; `layers` is the number of layers of the base.
    public static void write(Adapter adapter, int layers, Path directory) throws IOException {
        UniformFactors factors = UniformFactors.of(adapter, "an mlx-lm directory", true);
        int rank = factors.largestRank();
        try (Scope scope = new Ledger().scope("mlx adapter")) {
            Map<String, Tensor> tensors = new TreeMap<>();
            Map<String, Map<Integer, Tensor[]>> experts = new TreeMap<>();
            factors.modules().forEach((path, low) -> {
                Tensor a = UniformFactors.padded(low.a(), 1, rank, low.a().cols());
                Tensor b = UniformFactors.padded(low.b(), low.scale() / factors.scale(), low.b().rows(), rank);
                ExpertPath expert = ExpertPath.of(path);
                if (expert != null) {
                    String key = ModuleNames.huggingFace(expert.parent()) + ".switch_mlp." + expert.projection();
                    experts.computeIfAbsent(key, name -> new TreeMap<>()).put(expert.expert(), new Tensor[] {a, b});
                    return;
                }
                String key = ModuleNames.huggingFace(path);
                tensors.put(key + ".lora_a", FactorLayout.transpose(a, scope));
                tensors.put(key + ".lora_b", FactorLayout.transpose(b, scope));
                if (factors.magnitudes().containsKey(path)) tensors.put(key + ".m", factors.magnitudes().get(path));
            });
            experts.forEach((key, all) -> {
                tensors.put(key + ".lora_a", stack(key, all, 0, scope));
                tensors.put(key + ".lora_b", stack(key, all, 1, scope));
            });
            AtomicFiles.writeDirectory(directory, part -> {
                AtomicFiles.write(part.resolve(PeftReader.CONFIG), Json.pretty(config(factors, rank, layers)));
                SafetensorsWriter.write(part.resolve(MlxReader.WEIGHTS), tensors, Map.of());
            });
        }
    }

    private static ObjectNode config(UniformFactors factors, int rank, int layers) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("fine_tune_type", factors.magnitudes().isEmpty() ? "lora" : "dora").put("num_layers", layers);
        ObjectNode lora = root.putObject("lora_parameters").put("rank", rank).put("scale", factors.scale()).put("dropout", 0.0);
        List<String> keys = new ArrayList<>();
        for (String path : factors.modules().keySet()) {
            ExpertPath expert = ExpertPath.of(path);
            String full = expert == null ? path : expert.parent() + ".switch_mlp." + expert.projection();
            String inside = full.startsWith("layers.") ? full.substring(full.indexOf('.', 7) + 1) : full;
            if (!keys.contains(inside)) keys.add(inside);
        }
        keys.forEach(lora.putArray("keys")::add);
        return root;
    }

    /// One tensor of all experts, as F32 unless all have one type.
    private static Tensor stack(String key, Map<Integer, Tensor[]> experts, int side, Scope scope) {
        Tensor first = experts.values().iterator().next()[side];
        boolean same = experts.values().stream().allMatch(pair -> pair[side].dtype() == first.dtype());
        DType dtype = same ? first.dtype() : DType.F32;
        Tensor all = scope.tensor(dtype, experts.size(), first.rows(), first.cols());
        for (int e = 0; e < experts.size(); e++) {
            Tensor[] pair = experts.get(e);
            if (pair == null) {
                throw Fault.of(EngineFault.ADAPTER_INVALID, "%s: expert %d has no update, which this layout cannot say", key, e)
                        .expected("updates of all experts").next("write a PEFT directory instead").exception();
            }
            Tensor one = pair[side];
            Tensor target = all.slice(e * one.rows(), (e + 1) * one.rows());
            if (one.dtype() == dtype) target.data().copyFrom(one.data().asSlice(0, one.bytes()));
            else Quant.format(dtype).encode(Quant.decode(one), 0, Math.toIntExact(one.elements()), target.data(), 0);
        }
        return all;
    }
}
