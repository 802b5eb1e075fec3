// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.family.Families;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/// Tiny random models and adapters: 2 layers, width 32, odd head counts, weights large enough that mistakes show.
public final class TinyModels {
    public static final String LLAMA = """
            {"model_type":"llama","vocab_size":67,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,
             "num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":256,"rms_norm_eps":1e-5,
             "rope_theta":10000.0,"attention_bias":true,"mlp_bias":true,"tie_word_embeddings":false,"eos_token_id":2}""";
    public static final String QWEN3 = """
            {"model_type":"qwen3","vocab_size":67,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,
             "num_attention_heads":6,"num_key_value_heads":2,"head_dim":8,"max_position_embeddings":256,"rms_norm_eps":1e-6,
             "rope_parameters":{"rope_type":"default","rope_theta":10000.0},"tie_word_embeddings":true,"eos_token_id":2}""";

    private TinyModels() {}

    public static JsonNode json(String text) {
        return new ObjectMapper().readTree(text);
    }

    /// The spec of a config, with an output matrix of its own unless the config ties it.
    public static ModelSpec spec(String config) {
        boolean tied = json(config).path("tie_word_embeddings").asBoolean(false);
        return Families.translate(json(config), tied ? Set.of() : Set.of("lm_head.weight"));
    }

    /// Random tensors for every need of `spec`, F32, from `seed`.
    public static Map<String, Tensor> tensors(ModelSpec spec, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            float[] values = new float[(int) Tensor.elements(binding.shape())];
            boolean norm = binding.name().endsWith("norm.weight");
            double deviation = binding.role() == TensorPlan.Role.VECTOR ? 0.3 : 1 / Math.sqrt(binding.shape()[1]);
            if (binding.role() == TensorPlan.Role.EMBEDDING) deviation = 1;
            for (int i = 0; i < values.length; i++) values[i] = (float) (random.nextGaussian() * deviation + (norm ? 1 : 0));
            tensors.put(binding.name(), Tensor.of(values, binding.shape()));
        }
        return tensors;
    }

    public static Model model(String config, long seed, Kernels kernels, Scope scope) {
        ModelSpec spec = spec(config);
        return Model.of(spec, tensors(spec, seed), "tiny-" + seed, kernels, scope);
    }

    /// A random adapter of the given rank on every linear layer but the head; `seed` is its identity.
    public static Adapter adapter(Model model, int rank, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SortedMap<TargetId, Delta> entries = new TreeMap<>();
        model.linearShapes().forEach((path, shape) -> {
            if (path.equals("lm_head") && seed % 2 == 0) return;
            entries.put(TargetId.ofPath(path), new Delta.LowRank(gaussian(random, 0.3, rank, shape[1]),
                    gaussian(random, 0.3, shape[0], rank), 0.5 + random.nextDouble()));
        });
        return new Adapter("adapter-" + seed, model.hash(), entries);
    }

    public static Tensor gaussian(SplittableRandom random, double deviation, long... shape) {
        float[] values = new float[(int) Tensor.elements(shape)];
        for (int i = 0; i < values.length; i++) values[i] = (float) (random.nextGaussian() * deviation);
        return Tensor.of(values, shape);
    }
}
