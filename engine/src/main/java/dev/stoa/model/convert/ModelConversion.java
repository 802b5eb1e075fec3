// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.GgufQuantizer;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.Json;
import dev.stoa.format.ModelConverter;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.PackManifest;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.format.TensorItem;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.TensorPlan.Binding;
import dev.stoa.model.TensorPlan.Role;
import dev.stoa.model.family.Families;
import dev.stoa.model.family.GgufHyperParameters;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.Set;
import tools.jackson.databind.node.ObjectNode;

/// Writes a whole model in another layout. What the target would mean is read back by the target's own reader before a byte
/// is written: a model that would compute anything else is refused with all reasons at once.
///
/// Matrices keep their type and bits (quantized ones become BF16) unless a type is asked for; rows are permuted, experts
/// stacked, norms folded and decays negated as the layouts differ. One tensor after another; the source stays mapped.
public final class ModelConversion {
    /// A layout of model files.
    public enum Target { SAFETENSORS, MLX, GGUF }

    /// What was written: tensors, how many of them were decoded from a quantized form, bytes of weights, and what was left
    /// out or differs, as sentences.
    public record Result(int tensors, int decoded, long bytes, List<String> notes) {}

    /// Small tensors that GGUF keeps in F32, besides vectors and norms, as llama.cpp's converter does.
    private static final List<String> EXACT = List.of("ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight", "ssm_conv1d.weight", "position_embd.weight",
            "token_types.weight");

    private final SourceModel source;
    private final DType dtype;
    private final boolean withoutTokenizer;
    private final List<String> notes = new ArrayList<>();
    private final Set<String> vectors = new TreeSet<>();

    private ModelConversion(SourceModel source, DType dtype, boolean withoutTokenizer) {
        this.source = source;
        this.dtype = dtype;
        this.withoutTokenizer = withoutTokenizer;
        for (Binding binding : TensorPlan.of(source.spec())) if (binding.role() == Role.VECTOR) vectors.add(binding.name());
    }

    /// Converts `source` to `target`, which must be free. `dtype` is that of the matrices, or null: as they are.
    public static Result convert(Path source, Path target, Target layout, DType dtype, boolean withoutTokenizer) throws IOException {
        if (layout == Target.GGUF && Files.exists(target)) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "the output already exists").where(target).next("choose another output").exception();
        }
        if (layout != Target.GGUF) AtomicFiles.requireFree(target);
        try (Scope scope = new Ledger().scope("convert")) {
            SourceModel model = SourceModel.open(source, scope);
            if (layout == Target.SAFETENSORS && model.files() instanceof ModelDirectory && !model.mlx()) {
                ModelConverter.Result plain = ModelConverter.convert(source, target, dtype);
                return new Result(plain.tensors(), plain.decoded(), plain.bytes(), List.of());
            }
            ModelConversion conversion = new ModelConversion(model, dtype, withoutTokenizer);
            return layout == Target.GGUF ? conversion.gguf(target) : conversion.directory(target, layout == Target.MLX);
        }
    }

    private Result gguf(Path target) throws IOException {
        ObjectNode plain = PlainConfig.of(source.config(), source.spec(), source.dtype());
        ModelConfig config = Families.read(plain);
        String architecture = GgufHyperParameters.architecture(source.spec());
        if (architecture == null) throw refused(List.of("models of the family " + source.spec().family() + " are not written as GGUF"), "GGUF");
        List<String> reasons = new ArrayList<>(GgufHyperParameters.limits(source.spec(), config));
        List<String> unnamed = new ArrayList<>();
        List<Slot> slots = new ArrayList<>(SlotPlan.gguf(source.spec(), architecture, unnamed));
        for (String name : unnamed) reasons.add(name + ": no name in files of the architecture " + architecture);
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", GgufValue.text(architecture));
        metadata.put("general.type", GgufValue.text("model"));
        metadata.put("general.name", GgufValue.text(String.valueOf(source.files().path().toAbsolutePath().getFileName())));
        metadata.putAll(GgufHyperParameters.of(source.spec(), config));
        if (!unnamed.isEmpty()) throw refused(reasons, "GGUF");
        float[] factors = GgufHyperParameters.ropeFactors(source.spec(), config);
        ModelSpec written = GgufTranslation.translate(GgufMetadata.of(target, metadata), shapes(slots, factors), factors);
        reasons.addAll(SpecDifferences.of(source.spec(), written));
        if (!reasons.isEmpty()) throw refused(reasons, "GGUF");

        DType matrices = dtype != null ? dtype : source.dtype();
        metadata.put("general.file_type", GgufValue.u32(GgufQuantizer.fileType(matrices)));
        metadata.put("general.quantization_version", GgufValue.u32(2));
        if (source.files() instanceof ModelDirectory directory) {
            metadata.putAll(TextTravel.toGguf(directory, plain, source.spec().vocab(), withoutTokenizer, notes));
        } else {
            copyTokenizer(metadata, ((Gguf) source.files()).metadata());
        }
        metadata.putAll(Gguf.originOf(source.files()));
        notes.addAll(GgufHyperParameters.notes(source.spec(), config));
        notes(written);
        Map<String, Piece> pieces = LayoutChange.pieces(source, written);
        List<TensorItem> items = new ArrayList<>();
        if (factors != null) items.add(TensorItem.copy("rope_freqs.weight", Tensor.of(factors, factors.length)));
        for (Slot slot : slots) {
            boolean exact = vectors.contains(slot.parts().getFirst()) || slot.shape().length < 2 || EXACT.stream().anyMatch(slot.name()::endsWith);
            items.add(slot.item(pieces, exact ? DType.F32 : matrix(slot)));
        }
        GgufWriter.write(target, metadata, items);
        return result(items);
    }

    private void copyTokenizer(Map<String, GgufValue> metadata, GgufMetadata from) {
        for (String key : from.keys()) if (key.startsWith("tokenizer.")) metadata.put(key, from.get(key));
    }

    private static Map<String, long[]> shapes(List<Slot> slots, float[] factors) {
        Map<String, long[]> shapes = new TreeMap<>();
        for (Slot slot : slots) shapes.put(slot.name(), slot.shape());
        if (factors != null) shapes.put("rope_freqs.weight", new long[] {factors.length});
        return shapes;
    }

    private Result directory(Path target, boolean mlx) throws IOException {
        ObjectNode plain = PlainConfig.of(source.config(), source.spec(), dtype != null ? dtype : source.dtype());
        ModelConfig config = Families.read(plain);
        String layout = mlx ? "the MLX layout" : "the layout of Hugging Face";
        List<String> reasons = new ArrayList<>();
        if (mlx) reasons.addAll(MlxLimits.reasons(source.spec(), config));
        else if (!PlainConfig.known(plain)) reasons.add("models of the family " + source.spec().family() + " are not written in this layout");
        if (mlx && !reasons.isEmpty() || !mlx && !PlainConfig.known(plain)) throw refused(reasons, layout);
        List<Slot> slots = mlx ? SlotPlan.mlx(source.spec()) : SlotPlan.huggingFace(source.spec());
        ObjectNode file = mlx ? mlx(plain) : plain;
        ModelSpec written = Families.translate(file, new TensorDirectory(shapes(slots, null), TensorDirectory.Container.SAFETENSORS));
        reasons.addAll(SpecDifferences.of(source.spec(), written));
        if (!reasons.isEmpty()) throw refused(reasons, layout);
        Map<String, String> texts = source.files() instanceof Gguf gguf ? TextTravel.toDirectory(gguf, withoutTokenizer, notes) : Map.of();
        notes(written);
        Map<String, Piece> pieces = LayoutChange.pieces(source, written);
        List<TensorItem> items = new ArrayList<>();
        for (Slot slot : slots) items.add(slot.item(pieces, inDirectory(slot, pieces)));
        List<Path> others = source.files() instanceof ModelDirectory directory && !withoutTokenizer ? directory.others() : List.of();
        AtomicFiles.writeDirectory(target, part -> {
            for (Path other : others) Files.copy(other, part.resolve(other.getFileName()));
            for (Map.Entry<String, String> text : texts.entrySet()) AtomicFiles.write(part.resolve(text.getKey()), text.getValue());
            AtomicFiles.write(part.resolve("config.json"), Json.pretty(file));
            SafetensorsWriter.write(part.resolve("model.safetensors"), items, Map.of("format", mlx ? "mlx" : "pt"));
            PackManifest.ofCopy(part, source.files()).write(part);
        });
        return result(items);
    }

    /// The config as mlx-lm reads it: the newest family nests its text model.
    private ObjectNode mlx(ObjectNode plain) {
        String type = plain.get("model_type").asString();
        if (!type.startsWith("qwen3_5")) return plain;
        plain.put("full_attention_interval", MlxLimits.interval(source.spec()));
        ObjectNode nested = plain.objectNode();
        nested.put("model_type", type.substring(0, type.length() - "_text".length()));
        nested.put("tie_word_embeddings", source.spec().tiedHead());
        nested.set("text_config", plain);
        return nested;
    }

    private DType matrix(Slot slot) {
        if (dtype != null) return dtype;
        DType stored = source.bound().get(slot.parts().getFirst()).dtype();
        return stored == DType.F32 || stored == DType.F16 || stored == DType.BF16 ? stored : DType.BF16;
    }

    /// The type of a tensor in a directory. GGUF keeps small tensors in F32, so they go back to the type of the table where
    /// that changes none of their values; a norm that a fold would round stays F32.
    private DType inDirectory(Slot slot, Map<String, Piece> pieces) {
        boolean vector = vectors.contains(slot.parts().getFirst());
        DType stored = source.bound().get(slot.parts().getFirst()).dtype();
        boolean fromGguf = source.files() instanceof Gguf && stored == DType.F32;
        if (!vector && !(fromGguf && dtype == null)) return matrix(slot);
        DType wanted = dtype != null ? dtype : fromGguf ? source.dtype() : stored;
        return slot.parts().stream().allMatch(part -> holds(wanted, pieces.get(part))) ? wanted : DType.F32;
    }

    private static boolean holds(DType wanted, Piece piece) {
        if (wanted == DType.F32) return true;
        float[] row = new float[piece.source().cols()];
        float[] scratch = new float[row.length];
        for (int r = 0; r < piece.source().rows(); r++) {
            piece.row(r, row, 0, scratch);
            for (float value : row) if (!holds(wanted, value)) return false;
        }
        return true;
    }

    private static boolean holds(DType wanted, float value) {
        return wanted == DType.F16 ? Float.float16ToFloat(Float.floatToFloat16(value)) == value : (Float.floatToRawIntBits(value) & 0xffff) == 0;
    }

    private void notes(ModelSpec written) {
        if (source.unused() > 0) notes.add(source.unused() + " tensors of other parts of the model (vision, audio, predictors) are left out");
        if (source.spec().embed().rounded() != written.embed().rounded() && source.dtype() != DType.F32) {
            notes.add("readers of the two layouts round the factor on the embedding differently (%s)".formatted(source.spec().embed().scale()));
        }
    }

    private Result result(List<TensorItem> items) {
        int decoded = 0;
        for (Tensor tensor : source.bound().values()) if (tensor.dtype().quantized()) decoded++;
        return new Result(items.size(), decoded, items.stream().mapToLong(TensorItem::bytes).sum(), List.copyOf(notes));
    }

    private RuntimeException refused(List<String> reasons, String layout) {
        return Fault.of(EngineFault.NOT_EXPRESSIBLE, "%s cannot express this model for %d reasons", layout, reasons.size()).where(source.files().path())
                .got("model_type " + source.spec().modelType()).issues(reasons).next("use the model as it is; nothing was written").exception();
    }
}
