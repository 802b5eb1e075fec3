// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/// Which tensors a model needs, with their shapes, and the check that a set of tensors is exactly that.
public final class TensorPlan {
    /// Longest alias first; the first that matches is stripped.
    private static final List<String> PREFIXES =
            List.of("model.language_model.", "language_model.model.", "language_model.", "model.");
    private static final Pattern IGNORED = Pattern.compile("(.*\\.)?rotary_emb\\.inv_freq");
    private static final Set<DType> READABLE = EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0, DType.Q4_0);

    /// What a tensor is used as: the input table, a linear layer's matrix, or a vector (norm weight or bias).
    public enum Role { EMBEDDING, LINEAR, VECTOR }

    /// One expected tensor under its canonical name.
    public record Binding(String name, Role role, long[] shape) {}

    private TensorPlan() {}

    /// The name without the prefix under which a file nests the text model.
    public static String canonical(String name) {
        for (String prefix : PREFIXES) if (name.startsWith(prefix)) return name.substring(prefix.length());
        return name;
    }

    /// All tensors of a model, in layer order.
    public static List<Binding> of(ModelSpec spec) {
        List<Binding> plan = new ArrayList<>();
        plan.add(new Binding("embed_tokens.weight", Role.EMBEDDING, new long[] {spec.vocab(), spec.hidden()}));
        for (LayerSpec layer : spec.layers()) {
            vector(plan, layer.path("input_layernorm.weight"), spec.hidden());
            switch (layer.mixer()) {
                case MixerSpec.Attention a -> {
                    int queries = a.heads() * a.headDim();
                    int keys = a.kvHeads() * a.headDim();
                    linear(plan, layer.path("self_attn.q_proj"), queries, spec.hidden(), a.inputBias());
                    linear(plan, layer.path("self_attn.k_proj"), keys, spec.hidden(), a.inputBias());
                    linear(plan, layer.path("self_attn.v_proj"), keys, spec.hidden(), a.inputBias());
                    linear(plan, layer.path("self_attn.o_proj"), spec.hidden(), queries, a.outputBias());
                    if (a.queryKeyNorm() != null) {
                        vector(plan, layer.path("self_attn.q_norm.weight"), a.headDim());
                        vector(plan, layer.path("self_attn.k_norm.weight"), a.headDim());
                    }
                }
            }
            vector(plan, layer.path("post_attention_layernorm.weight"), spec.hidden());
            switch (layer.ffn()) {
                case FeedForward.Gated f -> {
                    linear(plan, layer.path("mlp.gate_proj"), f.intermediate(), spec.hidden(), f.bias());
                    linear(plan, layer.path("mlp.up_proj"), f.intermediate(), spec.hidden(), f.bias());
                    linear(plan, layer.path("mlp.down_proj"), spec.hidden(), f.intermediate(), f.bias());
                }
            }
        }
        vector(plan, "norm.weight", spec.hidden());
        if (!spec.tiedHead()) linear(plan, "lm_head", spec.vocab(), spec.hidden(), false);
        return plan;
    }

    /// Binds tensors to the plan of `spec`: canonical name -> tensor. Every tensor must be needed exactly once or be
    /// on the ignore list, every need be met with the right shape and a readable type; all offenders are listed together.
    static Map<String, Tensor> bind(ModelSpec spec, Map<String, Tensor> tensors) {
        List<String> issues = new ArrayList<>();
        Map<String, Tensor> left = new TreeMap<>();
        tensors.forEach((name, tensor) -> {
            if (!IGNORED.matcher(name).matches() && left.put(canonical(name), tensor) != null) {
                issues.add(name + " is there twice, under different prefixes");
            }
        });
        Map<String, Tensor> bound = new LinkedHashMap<>();
        for (Binding need : of(spec)) {
            Tensor tensor = left.remove(need.name());
            if (tensor == null) {
                issues.add(need.name() + " is missing, expected " + Arrays.toString(need.shape()));
            } else if (!Arrays.equals(tensor.shape(), need.shape())) {
                issues.add(need.name() + " is " + tensor.describe() + ", expected " + Arrays.toString(need.shape()));
            } else if (!READABLE.contains(tensor.dtype()) || need.role() == Role.VECTOR && tensor.dtype().quantized()) {
                issues.add(need.name() + " has type " + tensor.dtype() + ", expected one of " + READABLE);
            } else {
                bound.put(need.name(), tensor);
            }
        }
        left.forEach((name, tensor) -> issues.add(name + " " + tensor.describe() + " is not used by this model"));
        if (issues.isEmpty()) return bound;
        throw Fault.of(EngineFault.TENSOR_MISMATCH, "%d tensors do not fit the config", issues.size())
                .where("model_type " + spec.modelType()).issues(issues)
                .next("compare config.json with the files it came with").exception();
    }

    private static void linear(List<Binding> plan, String path, long outputs, long inputs, boolean bias) {
        plan.add(new Binding(path + ".weight", Role.LINEAR, new long[] {outputs, inputs}));
        if (bias) vector(plan, path + ".bias", outputs);
    }

    private static void vector(List<Binding> plan, String name, long size) {
        plan.add(new Binding(name, Role.VECTOR, new long[] {size}));
    }
}
