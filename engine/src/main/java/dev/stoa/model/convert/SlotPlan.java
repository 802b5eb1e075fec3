// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.TensorPlan.Binding;
import dev.stoa.model.family.GgufTranslation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Which tensors a layout has for a model: their names and shapes there, and the canonical tensors each is made of.
final class SlotPlan {
    private static final Pattern EXPERT = Pattern.compile("(layers\\.\\d+\\.(?:mlp\\.)?)experts\\.(\\d+)\\.(gate|up|down)_proj\\.weight");
    /// Canonical piece -> name in a BERT checkpoint; the inverse of what its family reads.
    private static final String[][] BERT = {{"embed_tokens", "embeddings.word_embeddings"}, {"embed_positions", "embeddings.position_embeddings"},
        {"embed_token_types", "embeddings.token_type_embeddings"}, {"embed_norm", "embeddings.LayerNorm"}};
    private static final String[][] BERT_LAYER = {{"self_attn.q_proj", "attention.self.query"}, {"self_attn.k_proj", "attention.self.key"},
        {"self_attn.v_proj", "attention.self.value"}, {"self_attn.o_proj", "attention.output.dense"},
        {"post_attention_layernorm", "attention.output.LayerNorm"}, {"mlp.up_proj", "intermediate.dense"}, {"mlp.down_proj", "output.dense"},
        {"post_feedforward_layernorm", "output.LayerNorm"}};

    private final ModelSpec spec;
    private final Map<String, List<String>> stacks = new LinkedHashMap<>();
    private final Map<String, long[]> shapes = new LinkedHashMap<>();
    private final List<Slot> slots = new ArrayList<>();

    private SlotPlan(ModelSpec spec) {
        this.spec = spec;
        for (Binding binding : TensorPlan.of(spec)) shapes.put(binding.name(), binding.shape());
    }

    /// The tensors of a GGUF file of an architecture; null in `unnamed` when all of them have names there.
    static List<Slot> gguf(ModelSpec spec, String architecture, List<String> unnamed) {
        SlotPlan plan = new SlotPlan(spec);
        plan.shapes.forEach((name, shape) -> {
            Matcher expert = EXPERT.matcher(name);
            String canonical = expert.matches() ? expert.group(1) + "experts." + expert.group(3) + "_proj.weight" : name;
            String file = GgufTranslation.fileName(architecture, canonical);
            if (file == null) unnamed.add(name);
            else plan.add(file, expert.matches(), name);
        });
        return plan.finish(0);
    }

    /// The tensors of a directory that transformers reads.
    static List<Slot> huggingFace(ModelSpec spec) {
        SlotPlan plan = new SlotPlan(spec);
        boolean fused = spec.modelType().startsWith("qwen3_5_moe") || spec.family().equals("gemma4");
        plan.shapes.forEach((name, shape) -> {
            Matcher expert = EXPERT.matcher(name);
            if (!fused || !expert.matches()) {
                plan.add(plan.huggingFace(name), false, name);
                return;
            }
            String part = expert.group(3).equals("down") ? "down_proj" : "gate_up_proj";
            plan.add("model." + expert.group(1) + "experts." + part, true, name);
        });
        return plan.finish(1);
    }

    /// The tensors of a directory as mlx-lm writes it.
    static List<Slot> mlx(ModelSpec spec) {
        SlotPlan plan = new SlotPlan(spec);
        boolean nested = spec.family().equals("qwen3_5");
        plan.shapes.forEach((name, shape) -> {
            Matcher expert = EXPERT.matcher(name);
            String canonical = !expert.matches() ? name
                    : expert.group(1) + (expert.group(1).endsWith("mlp.") ? "switch_mlp." : "experts.switch_glu.") + expert.group(3) + "_proj.weight";
            plan.add((nested ? "language_model." : "") + plan.huggingFace(canonical), expert.matches(), name);
        });
        return plan.finish(2);
    }

    private String huggingFace(String name) {
        if (spec.family().equals("bert")) return bert(name);
        String file = name.startsWith("lm_head.") ? name : "model." + name;
        if (!spec.family().equals("minimax_m2")) return file;
        return file.replace(".mlp.", ".block_sparse_moe.").replaceFirst("\\.experts\\.(\\d+)\\.gate_proj\\.", ".experts.$1.w1.")
                .replaceFirst("\\.experts\\.(\\d+)\\.down_proj\\.", ".experts.$1.w2.").replaceFirst("\\.experts\\.(\\d+)\\.up_proj\\.", ".experts.$1.w3.");
    }

    private static String bert(String name) {
        for (String[] pair : BERT) if (name.startsWith(pair[0] + ".")) return pair[1] + name.substring(pair[0].length());
        int layer = name.indexOf('.', "layers.".length());
        for (String[] pair : BERT_LAYER) {
            if (name.startsWith(pair[0] + ".", layer + 1)) {
                return "encoder.layer" + name.substring("layers".length(), layer + 1) + pair[1] + name.substring(layer + 1 + pair[0].length());
            }
        }
        throw new IllegalArgumentException("no BERT name for " + name);
    }

    private void add(String file, boolean stacked, String canonical) {
        List<String> parts = stacks.computeIfAbsent(file, _ -> new ArrayList<>());
        if (!stacked && !parts.isEmpty()) throw new IllegalStateException(file + " would hold " + parts + " and " + canonical);
        parts.add(canonical);
    }

    /// `convolution` is the axis of length 1 that the layout gives a convolution's (C, K), 0 for none.
    private List<Slot> finish(int convolution) {
        stacks.forEach((file, parts) -> {
            long[] shape = shapes.get(parts.getFirst());
            boolean stacked = EXPERT.matcher(parts.getFirst()).matches() && (file.contains("_exps") || file.contains("switch_") || file.endsWith("_proj"));
            if (stacked) {
                long experts = parts.stream().map(SlotPlan::expert).distinct().count();
                shape = new long[] {experts, shape[0] * parts.size() / experts, shape[1]};
            } else if (convolution > 0 && file.endsWith("conv1d.weight") && shape.length == 2) {
                shape = convolution == 1 ? new long[] {shape[0], 1, shape[1]} : new long[] {shape[0], shape[1], 1};
            }
            slots.add(new Slot(file, shape, parts));
        });
        return slots;
    }

    private static String expert(String name) {
        Matcher expert = EXPERT.matcher(name);
        return expert.matches() ? expert.group(2) : "";
    }
}
