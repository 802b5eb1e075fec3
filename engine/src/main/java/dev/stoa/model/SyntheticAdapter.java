// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.GgufLoraWriter;
import dev.stoa.adapter.GgufNames;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.TargetId;
import dev.stoa.format.ModelFiles;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// Adapters of random factors on all linear layers but the head, for measuring speed: A normal with deviation 1 / sqrt(K), B
/// with .01, scale 1.
public final class SyntheticAdapter {
    private SyntheticAdapter() {}

    /// One for layers of these shapes [outputs, inputs]; factors F32, F16 or BF16 from `scope`. Its base is not named.
    public static Adapter of(Map<String, long[]> linears, int rank, DType factors, long seed, Scope scope) {
        SplittableRandom random = new SplittableRandom(seed);
        SortedMap<TargetId, Delta> entries = new TreeMap<>();
        linears.forEach((path, shape) -> {
            if (path.equals("lm_head") || path.equals(AdapterRouting.EMBEDDING)) return;
            entries.put(TargetId.ofPath(path), new Delta.LowRank(normal(random, factors, 1 / Math.sqrt(shape[1]), scope, rank, shape[1]),
                    normal(random, factors, 0.01, scope, shape[0], rank), 1));
        });
        return new Adapter(AdapterHash.of(entries), null, entries);
    }

    /// Writes one for the model at `base`, of which only names and shapes are read: a GGUF LoRA where `target` ends in
    /// `.gguf`, else a PEFT directory. Answers its modules.
    public static int write(Path base, int rank, DType factors, long seed, Path target) throws IOException {
        if (Files.exists(target)) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "the output already exists").where(target).next("choose another output").exception();
        }
        try (Scope scope = new Ledger().scope("synthetic adapter")) {
            ModelSpec spec = StoredModel.of(ModelFiles.openWithoutTokenizer(base, scope)).spec();
            Map<String, long[]> modules = AdapterConverter.modules(spec);
            Adapter adapter = of(modules, rank, factors, seed, scope);
            if (!target.toString().endsWith(".gguf")) {
                PeftWriter.write(adapter, base.getFileName().toString(), modules.keySet(), target);
                return adapter.entries().size();
            }
            GgufNames names = GgufTranslation.adapterNames(spec, modules.keySet());
            if (names == null) {
                throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "models of this family have no GGUF names").got(spec.modelType())
                        .next("write a directory instead").exception();
            }
            GgufLoraWriter.write(adapter, names, factors, target);
            return adapter.entries().size();
        }
    }

    private static Tensor normal(SplittableRandom random, DType type, double deviation, Scope scope, long rows, long cols) {
        float[] values = new float[Math.toIntExact(rows * cols)];
        for (int i = 0; i < values.length; i++) values[i] = (float) (deviation * random.nextGaussian());
        return Quant.encode(values, type, scope, rows, cols);
    }
}
