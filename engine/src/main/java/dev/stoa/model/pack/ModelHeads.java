// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.format.Gguf;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.ModelFiles;
import dev.stoa.format.Weights;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.model.family.Families;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/// A model by the heads of its files: what it computes, and how many bytes its tensors have.
///
/// @param quant the type of most bytes
/// @param plainFloats whether no tensor is quantized
public record ModelHeads(ModelSpec spec, long bytes, String quant, boolean plainFloats) {
    /// Maps the files and reads their heads only.
    public static ModelHeads read(Path pack) throws IOException {
        try (Scope scope = new Ledger().scope("heads")) {
            ModelFiles files = ModelFiles.openWithoutTokenizer(pack, scope);
            Weights weights = switch (files) {
                case ModelDirectory directory -> directory.weights();
                case Gguf gguf -> gguf;
            };
            Map<String, long[]> shapes = new TreeMap<>();
            Map<String, Long> types = new TreeMap<>();
            long bytes = 0;
            boolean floats = true;
            for (String name : weights.names()) {
                Tensor tensor = weights.find(name);
                shapes.put(name, tensor.shape());
                bytes += tensor.bytes();
                types.merge(tensor.packing() == null ? tensor.dtype().name() : tensor.packing().describe(), tensor.bytes(), Long::sum);
                floats &= tensor.dtype() == DType.F32 || tensor.dtype() == DType.F16 || tensor.dtype() == DType.BF16;
            }
            ModelSpec spec = switch (files) {
                case ModelDirectory directory -> Families.translate(directory.config(), new TensorDirectory(shapes, TensorDirectory.Container.SAFETENSORS));
                case Gguf gguf -> GgufTranslation.translate(gguf.metadata(), shapes, null);
            };
            String quant = types.entrySet().stream().max(Map.Entry.comparingByValue()).map(Map.Entry::getKey).orElse("none");
            return new ModelHeads(spec, bytes, quant, floats);
        }
    }
}
