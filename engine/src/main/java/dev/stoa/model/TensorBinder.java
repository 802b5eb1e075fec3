// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.TensorPlan.Binding;
import dev.stoa.model.TensorPlan.Role;
import dev.stoa.model.TensorProblem.Kind;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Brings the tensors of a file to the names and shapes a plan asks for, and checks that they are exactly those: stacked
/// experts are cut into matrices, convolutions lose their unit axis, FP8 blocks are decoded. Everything else keeps its
/// bytes and its place.
public final class TensorBinder {
    private static final Pattern IGNORED = Pattern.compile("(.*\\.)?rotary_emb\\.inv_freq|(.*\\.)?position_ids|"
            + "(model\\.)?(visual|vision_tower|audio_tower|vision_embedder|embed_vision|embed_audio|multi_modal_projector|mtp)\\..*|"
            + ".*\\.(input|output)_(max|min)|(pooler|cls|lm_head_mlm)\\..*");
    private static final Pattern STACKED = Pattern.compile(
            "(.*)\\.(?:(?:experts|switch_mlp|experts\\.switch_glu)\\.(gate_up|gate|up|down)_proj)(?:\\.weight)?");
    private static final String SCALE = "_scale_inv";
    private static final int BLOCK = 128;

    private final ModelSpec spec;
    private final Scope scope;
    private final List<TensorProblem> issues = new ArrayList<>();
    private final Map<String, Tensor> left = new TreeMap<>();
    private final Set<String> blocks = new TreeSet<>();

    private TensorBinder(ModelSpec spec, Scope scope) {
        this.spec = spec;
        this.scope = scope;
    }

    /// Canonical name -> tensor for every need of `spec`. Every tensor must be needed exactly once or be on the ignore
    /// list; all offenders are listed together. Decoded FP8 matrices are allocated in `scope`.
    public static Map<String, Tensor> bind(ModelSpec spec, Map<String, Tensor> tensors, Scope scope) {
        TensorBinder binder = new TensorBinder(spec, scope);
        Checked checked = binder.check(tensors);
        if (checked.problems().isEmpty()) return checked.bound();
        throw Fault.of(EngineFault.TENSOR_MISMATCH, "%d tensors do not fit the config", checked.problems().size())
                .where("model_type " + spec.modelType()).issues(checked.problems().stream().map(TensorProblem::toString).toList())
                .next("compare config.json with the files it came with").exception();
    }

    /// What fits, by canonical name, and what does not.
    public record Checked(Map<String, Tensor> bound, List<TensorProblem> problems) {}

    /// As binding, for looking only: no tensor's data is read, nothing is allocated, and problems are returned.
    public static Checked check(ModelSpec spec, Map<String, Tensor> tensors) {
        return new TensorBinder(spec, null).check(tensors);
    }

    private Checked check(Map<String, Tensor> tensors) {
        tensors.forEach(this::take);
        decodeBlocks();
        Map<String, Tensor> bound = match();
        return new Checked(bound, List.copyOf(issues));
    }

    private void take(String name, Tensor tensor) {
        String canonical = spec.layout().canonical(TensorPlan.stripped(name));
        if (IGNORED.matcher(name).matches() || IGNORED.matcher(canonical).matches() || prediction(canonical)) return;
        Matcher stacked = STACKED.matcher(canonical);
        if (stacked.matches() && tensor.rank() == 3) cut(stacked.group(1), stacked.group(2), tensor);
        else put(canonical, name, reshaped(canonical, tensor));
    }

    /// Layers after the last one predict further tokens in some files; they feed drafters, not this model.
    private boolean prediction(String canonical) {
        return canonical.startsWith("layers." + spec.layers().size() + ".") && spec.layout().negatedDecay()
                || canonical.startsWith("blk." + spec.layers().size() + ".") || canonical.equals("rope_freqs.weight");
    }

    private void put(String canonical, String name, Tensor tensor) {
        if (left.put(canonical, tensor) != null) issues.add(new TensorProblem(Kind.TWICE, canonical, name, "one form of it"));
    }

    /// A stack of expert matrices (E, N, K), or gate above up (E, 2N, K), as single matrices over the same bytes.
    private void cut(String path, String part, Tensor stack) {
        int experts = Math.toIntExact(stack.dim(0));
        int rows = Math.toIntExact(stack.dim(1));
        // Gemma 4 keeps its experts beside mlp, where MLX conversions name the stack `experts.switch_glu`.
        for (int e = 0; e < experts; e++) {
            String expert = path + ".experts." + e + ".";
            if (!part.equals("gate_up")) {
                put(expert + part + "_proj.weight", path + "." + part, rows(stack, e * rows, rows));
            } else {
                put(expert + "gate_proj.weight", path + "." + part, rows(stack, e * rows, rows / 2));
                put(expert + "up_proj.weight", path + "." + part, rows(stack, e * rows + rows / 2, rows / 2));
            }
        }
    }

    private static Tensor rows(Tensor stack, int from, int count) {
        return stack.slice(from, from + count);
    }

    /// Shapes that differ between layouts only in axes of length 1.
    private static Tensor reshaped(String canonical, Tensor tensor) {
        if (canonical.endsWith("conv1d.weight")) return squeezed(tensor);
        boolean flat = canonical.endsWith("shared_expert_gate.weight") && tensor.rank() == 1;
        return flat ? tensor.view(1, tensor.dim(0)) : tensor;
    }

    /// (C, 1, K) of Hugging Face or (C, K, 1) of MLX as (C, K).
    private static Tensor squeezed(Tensor conv) {
        if (conv.rank() != 3 || conv.dim(1) != 1 && conv.dim(2) != 1) return conv;
        return conv.view(conv.dim(0), conv.dim(1) == 1 ? conv.dim(2) : conv.dim(1));
    }

    /// E4M3 matrices with one scale per 128 x 128 block, as F32.
    private void decodeBlocks() {
        for (String name : List.copyOf(left.keySet())) {
            if (left.get(name) == null || left.get(name).dtype() != DType.F8_E4M3) continue;
            Tensor packed = left.get(name);
            Tensor scales = left.remove(name + SCALE);
            long rowBlocks = packed.rank() == 2 ? Math.ceilDiv(packed.dim(0), (long) BLOCK) : 0;
            long columnBlocks = packed.rank() == 2 ? Math.ceilDiv(packed.dim(1), (long) BLOCK) : 0;
            if (scales == null || scales.rank() != 2 || scales.dim(0) != rowBlocks || scales.dim(1) != columnBlocks
                    || !Quant.supports(scales.dtype())) {
                issues.add(new TensorProblem(Kind.SHAPE, name + SCALE, scales == null ? "none" : scales.describe(),
                        "[" + rowBlocks + ", " + columnBlocks + "] for " + packed.describe()));
                continue;
            }
            blocks.add(name);
            if (scope != null) left.put(name, Fp8Blocks.decode(packed, Quant.decode(scales), BLOCK, scope));
        }
    }

    private Map<String, Tensor> match() {
        Map<String, Tensor> bound = new LinkedHashMap<>();
        for (Binding need : TensorPlan.of(spec)) {
            Tensor tensor = left.remove(need.name());
            if (tensor == null) {
                issues.add(new TensorProblem(Kind.MISSING, need.name(), "nothing", Arrays.toString(need.shape())));
            } else if (!Arrays.equals(tensor.shape(), need.shape())) {
                issues.add(new TensorProblem(Kind.SHAPE, need.name(), tensor.describe(), Arrays.toString(need.shape())));
            } else if (!Quant.supports(tensor.dtype()) && !blocks.contains(need.name()) || need.role() == Role.VECTOR && tensor.dtype().quantized()) {
                issues.add(new TensorProblem(Kind.TYPE, need.name(), tensor.dtype().toString(), "a type that can be used here"));
            } else {
                bound.put(need.name(), tensor);
            }
        }
        left.forEach((name, tensor) -> {
            if (!unusedShare(name)) issues.add(new TensorProblem(Kind.UNEXPECTED, name, tensor.describe(), "nothing"));
        });
        return bound;
    }

    /// Layers that read another layer's keys and values may still carry the matrices they do not use; a tied head may
    /// still carry its copy.
    private boolean unusedShare(String name) {
        for (LayerSpec layer : spec.layers()) {
            if (layer.mixer() instanceof MixerSpec.Attention a && a.options().sharedLayer() >= 0
                    && List.of("k_proj.weight", "v_proj.weight", "k_norm.weight", "v_norm.weight").stream()
                            .anyMatch(leaf -> layer.mixerPath(leaf).equals(name))) return true;
        }
        return false;
    }
}
