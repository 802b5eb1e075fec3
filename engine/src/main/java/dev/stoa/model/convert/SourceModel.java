// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.format.ModelDirectory;
import dev.stoa.format.ModelFiles;
import dev.stoa.format.Weights;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.StoredModel;
import dev.stoa.model.TensorBinder;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// A model as it was found: its files, what they mean, and every tensor under its canonical name.
///
/// @param config the config of Hugging Face: as it is, or what a GGUF file stands for
/// @param bound canonical name -> tensor in the order and folding of the files
/// @param unused how many tensors of the files belong to other parts (vision towers, predictors)
/// @param dtype the type of the token table, or BF16 when that is quantized
record SourceModel(ModelFiles files, JsonNode config, ModelSpec spec, Map<String, Tensor> bound, int unused, DType dtype) {
    static SourceModel open(Path path, Scope scope) throws IOException {
        ModelFiles files = ModelFiles.openWithoutTokenizer(path, scope);
        files.requireManifest();
        StoredModel stored = StoredModel.of(files);
        ModelSpec spec = stored.spec();
        Map<String, Tensor> bound = TensorBinder.bind(spec, stored.tensors(), scope);
        DType table = bound.get("embed_tokens.weight").dtype();
        boolean floats = table == DType.F32 || table == DType.F16 || table == DType.BF16;
        int used = 0;
        for (String name : stored.shapes().keySet()) if (used(name)) used++;
        return new SourceModel(files, stored.config(), spec, bound, stored.shapes().size() - used, floats ? table : DType.BF16);
    }

    private static boolean used(String name) {
        return !name.matches("(model\\.)?(visual|vision_tower|audio_tower|vision_embedder|embed_vision|embed_audio|multi_modal_projector|mtp)\\..*");
    }

    /// Whether a directory has the layout of MLX rather than that of Hugging Face.
    boolean mlx() {
        if (!(files instanceof ModelDirectory directory)) return false;
        Weights weights = directory.weights();
        for (String name : weights.names()) {
            if (name.contains(".switch_mlp.") || name.contains(".switch_glu.")) return true;
            Tensor tensor = weights.find(name);
            if (name.endsWith("conv1d.weight") && tensor.rank() == 3 && tensor.dim(2) == 1 && tensor.dim(1) > 1) return true;
        }
        return false;
    }
}
