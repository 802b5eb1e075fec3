// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/// Writes a model directory with plain float weights: quantized matrices are decoded, one tensor after another; the
/// `quantization` block leaves the config, the other files are copied, the origin goes into `stoa-manifest.json`.
public final class ModelConverter {
    /// How many tensors were written, how many of them decoded, and their bytes.
    public record Result(int tensors, int decoded, long bytes) {}

    private ModelConverter() {}

    /// Creates `target`, which must be free. `dtype` is that of all float tensors, or null: as they are, and BF16 for
    /// decoded ones.
    public static Result convert(Path source, Path target, DType dtype) throws IOException {
        AtomicFiles.requireFree(target);
        try (Scope scope = new Ledger().scope("convert")) {
            ModelDirectory model = ModelDirectory.openWithoutTokenizer(source, scope);
            Weights weights = model.weights();
            List<TensorItem> items = new ArrayList<>();
            int decoded = 0;
            long bytes = 0;
            for (String name : weights.names()) {
                Tensor tensor = weights.find(name);
                boolean packed = tensor.dtype().quantized();
                boolean floats = tensor.dtype() == DType.F32 || tensor.dtype() == DType.F16 || tensor.dtype() == DType.BF16;
                DType to = !packed && !floats ? tensor.dtype() : dtype != null ? dtype : packed ? DType.BF16 : tensor.dtype();
                items.add(to == tensor.dtype() ? TensorItem.copy(name, tensor) : TensorItem.encode(name, tensor, to));
                bytes += items.getLast().bytes();
                if (packed) decoded++;
            }
            ObjectNode config = (ObjectNode) model.config().deepCopy();
            config.remove("quantization");
            config.remove("quantization_config");
            String hash = model.modelHash();
            AtomicFiles.writeDirectory(target, part -> {
                for (Path file : MlxQuantizer.others(source)) Files.copy(file, part.resolve(file.getFileName()));
                AtomicFiles.write(part.resolve("config.json"), Json.pretty(config));
                SafetensorsWriter.write(part.resolve("model.safetensors"), items, Map.of());
                AtomicFiles.write(part.resolve("stoa-manifest.json"), Json.pretty(ModelHashes.manifest(part, model, hash)));
            });
            return new Result(items.size(), decoded, bytes);
        }
    }
}
