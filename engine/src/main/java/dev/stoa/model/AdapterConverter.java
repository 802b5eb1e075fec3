// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterBase;
import dev.stoa.adapter.AdapterFiles;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.GgufLoraWriter;
import dev.stoa.adapter.GgufNames;
import dev.stoa.adapter.MlxWriter;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.ReadOptions;
import dev.stoa.adapter.TargetId;
import dev.stoa.format.ModelFiles;
import dev.stoa.model.TensorPlan.Binding;
import dev.stoa.model.TensorPlan.Role;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Writes an adapter of any dialect in another one. Of the base only names and shapes are needed, so its weights stay
/// unread. The output is read again and compared with the input before it is believed.
public final class AdapterConverter {
    /// Dense updates may differ by one rounding of F32 per element.
    private static final double LIMIT = 1e-6;

    /// Dialects that can be written.
    public enum Dialect { PEFT, MLX, GGUF }

    /// What was written: number of modules, largest relative error of a module's dense update, tensors that kept F32.
    public record Result(int modules, double error, boolean sameBits, List<String> keptF32) {}

    private AdapterConverter() {}

    /// Converts `source` to `target`, which must be free; `dtype` is that of the factors in a GGUF file.
    public static Result convert(Path source, Path base, Path target, Dialect dialect, DType dtype) throws IOException {
        return convert(source, base, target, dialect, dtype, ReadOptions.NONE);
    }

    /// Like [#convert(Path, Path, Path, Dialect, DType)], with what the source does not say about itself.
    public static Result convert(Path source, Path base, Path target, Dialect dialect, DType dtype, ReadOptions options) throws IOException {
        try (Scope scope = new Ledger().scope("convert")) {
            ModelSpec spec = spec(base, scope);
            Map<String, long[]> modules = modules(spec);
            GgufNames names = GgufTranslation.adapterNames(spec, modules.keySet());
            AdapterBase shapes = AdapterBase.ofModules(modules);
            Adapter adapter = AdapterFiles.read(source, shapes, names, options, scope);
            List<String> kept = List.of();
            switch (dialect) {
                case PEFT -> PeftWriter.write(adapter, base.getFileName().toString(), modules.keySet(), target);
                case MLX -> MlxWriter.write(adapter, spec.layers().size(), target);
                case GGUF -> {
                    if (names == null) {
                        throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "models of this family have no GGUF names").got(spec.modelType())
                                .next("write a PEFT directory instead").exception();
                    }
                    if (Files.exists(target)) {
                        throw Fault.of(EngineFault.OUTPUT_EXISTS, "the output already exists").where(target).next("choose another output").exception();
                    }
                    kept = GgufLoraWriter.write(adapter, names, dtype, target);
                }
            }
            Adapter again = AdapterFiles.read(target, shapes, names, scope);
            double error = error(adapter, again);
            if (dtype == DType.F32 && error > LIMIT) {
                throw Fault.of(EngineFault.INTERNAL, "the written adapter differs from the one that was read").where(target).got("relative error " + error)
                        .expected("at most " + LIMIT).next("report this with both adapters").exception();
            }
            return new Result(adapter.entries().size(), error, again.hash().equals(adapter.hash()), kept);
        }
    }

    private static ModelSpec spec(Path base, Scope scope) throws IOException {
        return StoredModel.of(ModelFiles.openWithoutTokenizer(base, scope)).spec();
    }

    /// What an adapter may change, as [Model#adaptableShapes] of the loaded model.
    static Map<String, long[]> modules(ModelSpec spec) {
        Map<String, long[]> modules = new TreeMap<>();
        for (Binding binding : TensorPlan.of(spec)) {
            if (binding.role() == Role.LINEAR) modules.put(binding.name().substring(0, binding.name().length() - ".weight".length()), binding.shape());
        }
        modules.put(AdapterRouting.EMBEDDING, new long[] {spec.hidden(), spec.vocab()});
        if (spec.head() != null) modules.putIfAbsent("lm_head", new long[] {spec.vocab(), spec.hidden()});
        return modules;
    }

    /// Largest relative Frobenius distance of scale * B * A over all modules.
    private static double error(Adapter one, Adapter two) {
        if (!one.entries().keySet().equals(two.entries().keySet())) return Double.POSITIVE_INFINITY;
        double worst = 0;
        for (TargetId target : one.entries().keySet()) {
            Dense p = new Dense(one.entries().get(target).update());
            Dense q = new Dense(two.entries().get(target).update());
            double distance = 0;
            double norm = 0;
            for (int row = 0; row < p.rows; row++) {
                p.row(row);
                q.row(row);
                for (int c = 0; c < p.values.length; c++) {
                    distance += (p.values[c] - q.values[c]) * (p.values[c] - q.values[c]);
                    norm += p.values[c] * p.values[c];
                }
            }
            if (distance > 0) worst = Math.max(worst, norm == 0 ? Double.POSITIVE_INFINITY : Math.sqrt(distance / norm));
        }
        return worst;
    }

    /// Rows of a dense update, one at a time.
    private static final class Dense {
        private final float[] a;
        private final float[] b;
        private final int rank;
        private final double scale;
        private final int rows;
        private final double[] values;

        Dense(Delta.LowRank low) {
            a = Quant.decode(low.a());
            b = Quant.decode(low.b());
            rank = low.rank();
            scale = low.scale();
            rows = low.b().rows();
            values = new double[low.a().cols()];
        }

        void row(int row) {
            Arrays.fill(values, 0);
            for (int k = 0; k < rank; k++) {
                double factor = scale * b[row * rank + k];
                for (int c = 0; c < values.length; c++) values[c] += factor * a[k * values.length + c];
            }
        }
    }
}
