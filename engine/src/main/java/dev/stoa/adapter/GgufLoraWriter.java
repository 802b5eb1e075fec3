// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.TensorItem;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Writes an adapter as a GGUF LoRA that llama.cpp applies with exactly our effective scales: alpha is that of most modules
/// (scale * rank), and the B of every other one takes up the difference. Rows and columns go into the file's order.
public final class GgufLoraWriter {
    private GgufLoraWriter() {}

    /// Writes `file` with factors as `dtype` (F32, F16, BF16 or Q8_0). Answers the tensors that stayed F32 because their
    /// rows do not fill the blocks of `dtype`.
    public static List<String> write(Adapter adapter, GgufNames names, DType dtype, Path file) throws IOException {
        UniformFactors factors = UniformFactors.of(adapter, "a GGUF LoRA", false);
        double alpha = (float) (factors.scale() * factors.rank());
        Map<String, String> byPath = names.byPath();
        List<String> issues = new ArrayList<>();
        List<String> kept = new ArrayList<>();
        try (Scope scope = new Ledger().scope("gguf adapter")) {
            Map<String, Map<Integer, Tensor[]>> modules = new TreeMap<>();
            factors.modules().forEach((path, low) -> {
                ExpertPath expert = ExpertPath.of(path);
                String generic = expert == null ? path : expert.parent() + ".experts.{e}." + expert.projection();
                String name = byPath.get(generic);
                if (name == null) {
                    issues.add(path + ": no tensor of a " + names.architecture() + " GGUF file (a tied head cannot be adapted)");
                    return;
                }
                int[] rows = names.rows().get(generic);
                int[] columns = names.columns().get(generic);
                Tensor b = UniformFactors.padded(low.b(), low.scale() * low.rank() / alpha, low.b().rows(), low.rank());
                if (rows != null) b = FactorLayout.rows(b, rows, scope);
                Tensor a = columns == null ? low.a() : FactorLayout.columns(low.a(), columns, scope);
                if (path.equals("embed_tokens")) a = FactorLayout.transpose(a, scope);
                modules.computeIfAbsent(name, key -> new TreeMap<>()).put(expert == null ? -1 : expert.expert(), new Tensor[] {a, b});
            });
            List<TensorItem> items = new ArrayList<>();
            modules.forEach((name, all) -> {
                for (int side = 0; side < 2; side++) add(name + (side == 0 ? ".lora_a" : ".lora_b"), all, side, dtype, items, kept, issues);
            });
            if (!issues.isEmpty()) {
                throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "%d modules cannot be part of a GGUF LoRA", issues.size()).issues(issues)
                        .next("write a PEFT directory instead, or fuse the adapter").exception();
            }
            GgufWriter.write(file, metadata(names, dtype, alpha), items);
        }
        return kept;
    }

    private static void add(String name, Map<Integer, Tensor[]> all, int side, DType dtype, List<TensorItem> items, List<String> kept, List<String> issues) {
        Tensor first = all.values().iterator().next()[side];
        DType stored = first.cols() % dtype.blockElements() == 0 ? dtype : DType.F32;
        if (stored != dtype) kept.add(name);
        if (all.containsKey(-1)) {
            items.add(TensorItem.encode(name, first, stored));
            return;
        }
        for (int e = 0; e < all.size(); e++) {
            Tensor[] pair = all.get(e);
            if (pair != null && pair[side].sameShape(first)) continue;
            issues.add(name + ": expert " + e + (pair == null ? " has no update" : " has another rank"));
            return;
        }
        items.add(new TensorItem(name, stored, new long[] {all.size(), first.rows(), first.cols()}, out -> {
            for (int e = 0; e < all.size(); e++) TensorItem.encode(name, all.get(e)[side], stored).body().write(out);
        }));
    }

    private static Map<String, GgufValue> metadata(GgufNames names, DType dtype, double alpha) {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", GgufValue.text(names.architecture()));
        metadata.put("general.type", GgufValue.text("adapter"));
        metadata.put("general.file_type", GgufValue.u32(switch (dtype) {
            case F32 -> 0;
            case F16 -> 1;
            case Q8_0 -> 7;
            case BF16 -> 32;
            default -> throw new IllegalArgumentException("factors as " + dtype);
        }));
        metadata.put("adapter.type", GgufValue.text("lora"));
        metadata.put("adapter.lora.alpha", GgufValue.f32((float) alpha));
        return metadata;
    }
}
