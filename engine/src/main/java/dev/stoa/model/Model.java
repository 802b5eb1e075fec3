// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.ModelFiles;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.kernel.integer.IntegerFormat;
import dev.stoa.model.TensorPlan.Binding;
import dev.stoa.model.TensorPlan.Role;
import dev.stoa.nn.Linear;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;

/// A model ready to compute: its spec, every tensor bound exactly once, linear layers packed for one provider.
/// Immutable and shared by all sequences; memory belongs to the scope it was loaded into.
public final class Model {
    private final ModelSpec spec;
    private final Placement placement;
    private final String hash;
    private final List<String> origins;
    private final Kernels kernels;
    private final boolean rounds;
    private final Map<String, Tensor> weights;
    private final Map<String, Tensor> vectors = new LinkedHashMap<>();
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final Map<String, long[]> linearShapes = new LinkedHashMap<>();

    private Model(ModelSpec spec, Map<String, Tensor> tensors, String hash, List<String> origins, Kernels kernels, Scope scope,
            Placement placement, Arithmetic arithmetic, Scope repacked) {
        this.spec = spec;
        this.placement = placement;
        this.hash = hash;
        this.origins = List.copyOf(origins);
        this.kernels = kernels;
        this.weights = TensorBinder.bind(spec, tensors, scope);
        this.rounds = arithmetic == Arithmetic.INTEGER && placement == Placement.PACKED
                && weights.values().stream().anyMatch(tensor -> IntegerFormat.of(tensor.dtype()) != null);
        // A mapped model is not read as a whole; values that are not numbers show in its logits, which the engine checks.
        if (placement == Placement.PACKED) checkFinite(kernels);
        List<Binding> plan = TensorPlan.of(spec);
        for (Binding binding : plan) if (binding.role() == Role.VECTOR) vectors.put(binding.name(), f32(binding.name(), scope));
        for (Binding binding : plan) {
            if (binding.role() != Role.LINEAR) continue;
            String path = binding.name().substring(0, binding.name().length() - ".weight".length());
            addLinear(path, binding.name(), arithmetic, repacked);
        }
        if (spec.tiedHead()) addLinear("lm_head", spec.headWeight(), arithmetic, repacked);
        linears.forEach((path, linear) ->
                linearShapes.put(path, new long[] {linear.weight().outputs(), linear.weight().inputs()}));
    }

    /// Loads a model of any layout for exact products; `scope` must be the one its files are mapped into, or live no longer.
    public static Model load(ModelFiles files, Kernels kernels, Scope scope) throws IOException {
        return load(files, kernels, scope, Arithmetic.FLOAT, scope);
    }

    /// As [#load(ModelFiles, Kernels, Scope)], with the arithmetic of quantized weights and the memory that copies in the
    /// kernels' own layout are taken from.
    public static Model load(ModelFiles files, Kernels kernels, Scope scope, Arithmetic arithmetic, Scope repacked) throws IOException {
        return load(files, kernels, scope, arithmetic, repacked, null);
    }

    /// As [#load(ModelFiles, Kernels, Scope)], with every matrix read where it lies: for training on products that decode
    /// tile by tile, without a second copy of the model.
    public static Model loadMapped(ModelFiles files, Kernels kernels, Scope scope) throws IOException {
        return load(files, kernels, scope, Arithmetic.FLOAT, scope, Placement.MAPPED);
    }

    /// `placement` null leaves the choice to what fits.
    private static Model load(ModelFiles files, Kernels kernels, Scope scope, Arithmetic arithmetic, Scope repacked, Placement placement)
            throws IOException {
        files.requireManifest();
        StoredModel stored = StoredModel.of(files);
        String hash = files.modelHash();
        return new Model(stored.spec(), stored.tensors(), hash, files.origins(hash), kernels, scope,
                placement != null ? placement : Placement.choose(stored.tensors().values()), arithmetic, repacked);
    }

    /// A model over tensors in memory, under canonical or prefixed names. `hash` may be null: then it matches no
    /// adapter that names its base.
    public static Model of(ModelSpec spec, Map<String, Tensor> tensors, String hash, Kernels kernels, Scope scope) {
        return of(spec, tensors, hash, kernels, scope, Placement.PACKED);
    }

    /// As [#of(ModelSpec, Map, String, Kernels, Scope)], with the weights where the caller wants them.
    public static Model of(ModelSpec spec, Map<String, Tensor> tensors, String hash, Kernels kernels, Scope scope, Placement placement) {
        return of(spec, tensors, hash, kernels, scope, placement, Arithmetic.FLOAT);
    }

    /// As [#of(ModelSpec, Map, String, Kernels, Scope, Placement)], with the arithmetic of quantized weights.
    public static Model of(ModelSpec spec, Map<String, Tensor> tensors, String hash, Kernels kernels, Scope scope, Placement placement,
            Arithmetic arithmetic) {
        return new Model(spec, tensors, hash, List.of(), kernels, scope, placement, arithmetic, scope);
    }

    /// Where the matrices lie.
    public Placement placement() {
        return placement;
    }

    public ModelSpec spec() {
        return spec;
    }

    /// model_hash of the files, or null for tensors in memory.
    public String hash() {
        return hash;
    }

    /// model_hash of every model that this one is a recorded copy of, nearest first.
    public List<String> origins() {
        return origins;
    }

    /// Whether an adapter made for the model of this hash belongs on this one: it is this model, or one that this is a
    /// copy of. An unknown hash belongs nowhere.
    public boolean isOrCopies(String baseHash) {
        return baseHash != null && (baseHash.equals(hash) || origins.contains(baseHash));
    }

    public Kernels kernels() {
        return kernels;
    }

    /// Whether products round their rows to 8 bits, so that attention may round a little too.
    boolean rounds() {
        return rounds;
    }

    /// A tensor as loaded, by canonical name (`layers.0.self_attn.q_proj.weight`).
    public Tensor weight(String canonical) {
        Tensor tensor = weights.get(canonical);
        if (tensor == null) throw new IllegalArgumentException("the model has no tensor " + canonical);
        return tensor;
    }

    /// A norm weight, bias or other small tensor as F32, or null when the model has none of that name.
    Tensor vector(String canonical) {
        return vectors.get(canonical);
    }

    /// A linear layer by module path (`layers.0.self_attn.q_proj`, `lm_head`; a tied head has its own entry).
    public Linear linear(String path) {
        Linear linear = linears.get(path);
        if (linear == null) throw new IllegalArgumentException("the model has no linear layer " + path);
        return linear;
    }

    /// As [#linear], or null.
    Linear findLinear(String path) {
        return linears.get(path);
    }

    /// The packed matrix of a linear layer, by module path.
    public PackedWeight packed(String path) {
        return linear(path).weight();
    }

    /// Every linear layer an adapter may change: module path -> [outputs, inputs], in layer order.
    public Map<String, long[]> linearShapes() {
        return Collections.unmodifiableMap(linearShapes);
    }

    /// Everything an adapter may change: the linear layers, and the input table as `embed_tokens` [hidden, vocab].
    public Map<String, long[]> adaptableShapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>(linearShapes);
        shapes.put(AdapterRouting.EMBEDDING, new long[] {spec.hidden(), spec.vocab()});
        return Collections.unmodifiableMap(shapes);
    }

    /// The factor on rows of an input table of `scale`: rounded to the table's own type where the family does so.
    float embedScale(String table, double scale) {
        if (!spec.embed().rounded()) return (float) scale;
        float[] value = {(float) scale};
        return switch (weight(table).dtype()) {
            case BF16 -> Float.intBitsToFloat((Float.floatToRawIntBits(value[0]) + 0x7fff + (Float.floatToRawIntBits(value[0]) >>> 16 & 1)) & 0xffff0000);
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value[0]));
            default -> value[0];
        };
    }

    private void addLinear(String path, String weight, Arithmetic arithmetic, Scope repacked) {
        Tensor stored = weights.get(weight);
        PackedWeight packed = switch (placement) {
            case PACKED -> switch (arithmetic) {
                case FLOAT -> kernels.matmul().pack(stored, repacked);
                case INTEGER -> kernels.matmul().packRounded(stored, repacked);
            };
            case MAPPED -> kernels.matmul().map(stored);
        };
        linears.put(path, new Linear(linears.size(), path, packed, vectors.get(path + ".bias")));
    }

    /// Small values as F32; decays stored as -exp(A_log) are turned back.
    private Tensor f32(String name, Scope scope) {
        Tensor source = weights.get(name);
        boolean negated = spec.layout().negatedDecay() && name.endsWith("A_log");
        if (source.dtype() == DType.F32 && !negated) return source;
        float[] values = Quant.decode(source);
        if (negated) for (int i = 0; i < values.length; i++) values[i] = (float) Math.log(-values[i]);
        return Quant.encode(values, DType.F32, scope, source.shape());
    }

    /// A weight that is not a number would poison every answer; all tensors are read once and all bad ones named.
    private void checkFinite(Kernels kernels) {
        String[] names = weights.keySet().toArray(String[]::new);
        AtomicReferenceArray<String> bad = new AtomicReferenceArray<>(names.length);
        kernels.workers().parallel(names.length, 1, (worker, from, to) -> {
            for (int i = from; i < to; i++) bad.set(i, firstBad(names[i], weights.get(names[i])));
        });
        List<String> issues = new ArrayList<>();
        for (int i = 0; i < names.length; i++) if (bad.get(i) != null) issues.add(bad.get(i));
        if (issues.isEmpty()) return;
        throw Fault.of(EngineFault.NON_FINITE, "%d tensors hold values that are not finite numbers", issues.size())
                .issues(issues).next("fetch or export the weights again").exception();
    }

    private static String firstBad(String name, Tensor tensor) {
        float[] row = new float[tensor.cols()];
        for (int r = 0; r < tensor.rows(); r++) {
            Quant.decodeRow(tensor, r, row, 0);
            for (int c = 0; c < row.length; c++) {
                if (!Float.isFinite(row[c])) return name + "[" + r + ", " + c + "] = " + row[c];
            }
        }
        return null;
    }
}
