// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.format.Gguf;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.ModelFiles;
import dev.stoa.format.Weights;
import dev.stoa.model.family.Families;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/// A model's files as tensors by the names they have there, and what the files say the model is. Tensors live as long as
/// the scope that the files are mapped into.
public record StoredModel(ModelFiles files, Map<String, Tensor> tensors, Map<String, long[]> shapes) {
    public static StoredModel of(ModelFiles files) {
        Weights weights = switch (files) {
            case ModelDirectory directory -> directory.weights();
            case Gguf gguf -> gguf;
        };
        Map<String, Tensor> tensors = new TreeMap<>();
        Map<String, long[]> shapes = new TreeMap<>();
        for (String name : weights.names()) {
            Tensor tensor = weights.find(name);
            tensors.put(name, tensor);
            shapes.put(name, tensor.shape());
        }
        return new StoredModel(files, tensors, shapes);
    }

    public ModelSpec spec() {
        return switch (files) {
            case ModelDirectory directory -> Families.translate(directory.config(),
                    new TensorDirectory(shapes, TensorDirectory.Container.SAFETENSORS));
            case Gguf gguf -> GgufTranslation.translate(gguf.metadata(), shapes, ropeFactors());
        };
    }

    /// The config of Hugging Face: as it is, or what a GGUF file stands for.
    public JsonNode config() {
        return switch (files) {
            case ModelDirectory directory -> directory.config();
            case Gguf gguf -> GgufTranslation.config(gguf.metadata(), shapes, ropeFactors());
        };
    }

    /// The scaled rotations that GGUF keeps as a tensor, or null.
    private float[] ropeFactors() {
        Tensor factors = tensors.get("rope_freqs.weight");
        return factors == null ? null : Quant.decode(factors);
    }
}
