// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.quant.MlxEncoder;
import dev.stoa.quant.Quant;
import dev.stoa.quant.QuantSpec;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/// Writes a model directory again in the MLX layout: matrices packed, everything else as it is, `quantization` in its
/// config, its other files copied, the origin in `stoa-manifest.json`. One tensor after another; the source stays mapped.
public final class MlxQuantizer {
    private static final String WEIGHT = ".weight";

    /// What one matrix became; `spec` is null when it stayed as it was, and `reason` says why.
    public record Change(String name, QuantSpec spec, long bytes, String reason) {}

    private MlxQuantizer() {}

    /// Creates `target`, which must be free. `plan` gives the format of a module by its path, or null to leave it.
    public static List<Change> quantize(Path source, Path target, QuantSpec common, Function<String, QuantSpec> plan) throws IOException {
        return quantize(source, target, common, plan, directory -> { });
    }

    /// As [#quantize(Path, Path, QuantSpec, Function)]; `more` puts further files into the directory.
    public static List<Change> quantize(Path source, Path target, QuantSpec common, Function<String, QuantSpec> plan, AtomicFiles.DirectoryBody more)
            throws IOException {
        AtomicFiles.requireFree(target);
        try (Scope scope = new Ledger().scope("quantize")) {
            ModelDirectory model = ModelDirectory.openWithoutTokenizer(source, scope);
            Weights weights = model.weights();
            ObjectNode config = (ObjectNode) model.config().deepCopy();
            config.remove("quantization_config");
            ObjectNode block = config.putObject("quantization");
            block.put("group_size", common.group()).put("bits", common.bits()).put("mode", common.mode());
            List<Change> changes = new ArrayList<>();
            List<TensorItem> items = new ArrayList<>();
            for (String name : weights.names()) {
                Tensor tensor = weights.find(name);
                String module = name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : null;
                String reason = reason(module, tensor);
                QuantSpec spec = reason == null ? plan.apply(module) : null;
                DType floats = tensor.dtype() == DType.F16 || tensor.dtype() == DType.BF16 ? tensor.dtype() : DType.F32;
                MlxEncoder encoder = spec == null ? null : MlxEncoder.of(spec, floats);
                if (encoder != null && !encoder.fits(tensor.cols())) {
                    reason = "rows of " + tensor.cols() + " values do not fill groups of " + encoder.group();
                    encoder = null;
                }
                if (encoder == null) {
                    boolean packed = tensor.dtype().quantized();
                    items.add(packed ? TensorItem.encode(name, tensor, DType.BF16) : TensorItem.copy(name, tensor));
                    changes.add(new Change(name, null, tensor.bytes(), reason == null ? "the plan leaves it" : reason));
                    continue;
                }
                long bytes = add(module, tensor, encoder, items);
                changes.add(new Change(name, spec, bytes, null));
                if (!spec.equals(common)) {
                    block.putObject(module).put("group_size", spec.group()).put("bits", spec.bits()).put("mode", spec.mode());
                }
            }
            config.set("quantization_config", block.deepCopy());
            String hash = model.modelHash();
            AtomicFiles.writeDirectory(target, part -> {
                for (Path file : others(source)) Files.copy(file, part.resolve(file.getFileName()));
                AtomicFiles.write(part.resolve("config.json"), Json.pretty(config));
                SafetensorsWriter.write(part.resolve("model.safetensors"), items, Map.of("format", "mlx"));
                more.write(part);
                AtomicFiles.write(part.resolve("stoa-manifest.json"), Json.pretty(ModelHashes.manifest(part, model, hash)));
            });
            return changes;
        }
    }

    /// Whether a tensor of that name is a matrix that may be packed.
    public static boolean packable(String name, Tensor tensor) {
        return name.endsWith(WEIGHT) && reason(name.substring(0, name.length() - WEIGHT.length()), tensor) == null;
    }

    /// Why a tensor is not a matrix to be packed, or null.
    private static String reason(String module, Tensor tensor) {
        if (module == null || tensor.rank() < 2) return "not a matrix";
        if (module.endsWith("norm") || module.endsWith("conv1d") || module.contains("position_embeddings") || module.contains("token_type_embeddings")) {
            return "kept exact";
        }
        return Quant.supports(tensor.dtype()) ? null : "not a float type";
    }

    private static long add(String module, Tensor tensor, MlxEncoder encoder, List<TensorItem> items) {
        long[] words = tensor.shape();
        words[words.length - 1] = encoder.wordBytes(tensor.cols()) / 4;
        long[] groups = tensor.shape();
        groups[groups.length - 1] = tensor.cols() / encoder.group();
        items.add(part(module + WEIGHT, DType.U32, words, tensor, encoder, 0));
        items.add(part(module + ".scales", encoder.scaleType(), groups, tensor, encoder, 1));
        if (encoder.affine()) items.add(part(module + ".biases", encoder.scaleType(), groups, tensor, encoder, 2));
        return items.stream().filter(item -> item.name().startsWith(module + ".")).mapToLong(TensorItem::bytes).sum();
    }

    /// One of the arrays of a module, encoded row by row. The search runs once for each: two more passes cost less than
    /// keeping a module's arrays on the heap until their turn in the file comes.
    private static TensorItem part(String name, DType dtype, long[] shape, Tensor source, MlxEncoder encoder, int which) {
        return new TensorItem(name, dtype, shape, out -> {
            float[] row = new float[source.cols()];
            byte[] bytes = new byte[Math.toIntExact(which == 0 ? encoder.wordBytes(source.cols()) : encoder.scaleBytes(source.cols()))];
            MemorySegment target = MemorySegment.ofArray(bytes);
            for (int r = 0; r < source.rows(); r++) {
                Quant.decodeRow(source, r, row, 0);
                Arrays.fill(bytes, (byte) 0);
                encoder.row(row, 0, row.length, which == 0 ? target : null, which == 1 ? target : null, which == 2 ? target : null);
                TensorItem.writeFully(out, ByteBuffer.wrap(bytes));
            }
        });
    }

    /// Files of a model directory that describe no weights.
    static List<Path> others(Path source) throws IOException {
        try (Stream<Path> files = Files.list(source)) {
            return files.filter(Files::isRegularFile).filter(file -> {
                String name = file.getFileName().toString();
                return (name.endsWith(".json") || name.endsWith(".jinja") || name.endsWith(".txt") || name.endsWith(".model"))
                        && !name.equals("config.json") && !name.endsWith(".safetensors.index.json") && !name.equals("stoa-manifest.json")
                        && !name.equals("jang_config.json") && !name.equals("codebook_config.json");
            }).sorted().toList();
        }
    }
}
