// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.model.Layout.Rename;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Tensor names of GGUF files (the tables of llama.cpp) and the canonical names they mean. One table serves reading and
/// writing; where two file names mean the same, the third column says for which architectures each is written.
final class GgufTensorNames {
    private static final String[][] GLOBAL = {
        {"token_embd.weight", "embed_tokens.weight"}, {"output_norm.weight", "norm.weight"}, {"output.weight", "lm_head.weight"},
        {"token_embd_norm.weight", "embed_norm.weight"}, {"token_embd_norm.bias", "embed_norm.bias"},
        {"position_embd.weight", "embed_positions.weight"},
        {"token_types.weight", "embed_token_types.weight"}, {"per_layer_token_embd.weight", "embed_tokens_per_layer.weight"},
        {"per_layer_model_proj.weight", "per_layer_model_projection.weight"},
        {"per_layer_proj_norm.weight", "per_layer_projection_norm.weight"}};
    private static final String[][] LAYER = {
        {"attn_norm", "input_layernorm"}, {"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"}, {"attn_v", "self_attn.v_proj"},
        {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
        {"ffn_gate", "mlp.gate_proj"}, {"ffn_up", "mlp.up_proj"}, {"ffn_down", "mlp.down_proj"},
        {"ffn_gate_shexp", "mlp.shared_expert.gate_proj"}, {"ffn_up_shexp", "mlp.shared_expert.up_proj"},
        {"ffn_down_shexp", "mlp.shared_expert.down_proj"}, {"ffn_gate_inp_shexp", "mlp.shared_expert_gate"},
        {"attn_qkv", "linear_attn.in_proj_qkv"}, {"attn_gate", "linear_attn.in_proj_z"}, {"ssm_alpha", "linear_attn.in_proj_a"},
        {"ssm_beta", "linear_attn.in_proj_b"}, {"ssm_conv1d", "linear_attn.conv1d"}, {"ssm_norm", "linear_attn.norm"},
        {"ssm_out", "linear_attn.out_proj"}, {"post_attention_norm", "post_attention_layernorm", "gemma.*|qwen35.*"},
        {"post_ffw_norm", "post_feedforward_layernorm", "gemma.*"}, {"attn_output_norm", "post_attention_layernorm", "bert"},
        {"layer_output_norm", "post_feedforward_layernorm", "bert"},
        {"inp_gate", "per_layer_input_gate"}, {"proj", "per_layer_projection"}, {"post_norm", "post_per_layer_input_norm"},
        {"pre_ffw_norm_2", "pre_feedforward_layernorm_2"}, {"post_ffw_norm_1", "post_feedforward_layernorm_1"},
        {"post_ffw_norm_2", "post_feedforward_layernorm_2"}};
    private static final String[][] EXPERTS = {
        {"ffn_gate_exps", "experts.gate_proj"}, {"ffn_up_exps", "experts.up_proj"}, {"ffn_down_exps", "experts.down_proj"},
        {"ffn_gate_up_exps", "experts.gate_up_proj"}};
    /// Whole tensor names in a layer, as they are written; older files leave `.bias` of the first one out.
    private static final String[][] TENSORS = {
        {"exp_probs_b.bias", "mlp.e_score_correction_bias"}, {"ssm_a", "linear_attn.A_log"}, {"ssm_dt.bias", "linear_attn.dt_bias"},
        {"layer_output_scale.weight", "layer_scalar"}, {"ffn_gate_inp.scale", "router.scale"},
        {"ffn_down_exps.scale", "router.per_expert_scale"}};
    private static final Pattern IN_LAYER = Pattern.compile("layers\\.(\\d+)\\.(.+)");

    private GgufTensorNames() {}

    /// The renames for files of an architecture.
    static List<Rename> of(String architecture) {
        boolean gemma = architecture.startsWith("gemma");
        boolean beside = architecture.equals("gemma4");
        List<Rename> renames = new ArrayList<>();
        for (String[] pair : GLOBAL) renames.add(new Rename("^" + Pattern.quote(pair[0]) + "$", pair[1]));
        for (String[] pair : LAYER) layer(renames, pair[0], pair[1]);
        for (String[] pair : EXPERTS) layer(renames, pair[0], (beside ? "" : "mlp.") + pair[1]);
        layer(renames, "ffn_gate_inp", beside ? "router.proj" : "mlp.gate");
        layer(renames, "ffn_norm", gemma ? "pre_feedforward_layernorm" : "post_attention_layernorm");
        String block = "^blk\\.(\\d+)\\.";
        renames.add(new Rename(block + "exp_probs_b$", "layers.$1.mlp.e_score_correction_bias"));
        for (String[] pair : TENSORS) renames.add(new Rename(block + Pattern.quote(pair[0]) + "$", "layers.$1." + pair[1]));
        return renames;
    }

    /// The name under which files of an architecture hold a canonical tensor, the inverse of [#of]; null when they have none.
    /// Experts are stacked: `layers.0.mlp.experts.gate_proj.weight` without a number.
    static String written(String architecture, String canonical) {
        for (String[] pair : GLOBAL) if (pair[1].equals(canonical)) return pair[0];
        Matcher inLayer = IN_LAYER.matcher(canonical);
        if (!inLayer.matches()) return null;
        String block = "blk." + inLayer.group(1) + ".";
        String tensor = inLayer.group(2);
        for (String[] pair : TENSORS) if (pair[1].equals(tensor)) return block + pair[0];
        int dot = tensor.lastIndexOf('.');
        if (dot < 0) return null;
        String module = tensor.substring(0, dot);
        String leaf = tensor.substring(dot);
        boolean beside = architecture.equals("gemma4");
        if (module.equals(beside ? "router.proj" : "mlp.gate")) return block + "ffn_gate_inp" + leaf;
        for (String[] pair : EXPERTS) if (module.equals((beside ? "" : "mlp.") + pair[1])) return block + pair[0] + leaf;
        for (String[] row : LAYER) {
            if (row[1].equals(module) && (row.length < 3 || architecture.matches(row[2]))) return block + row[0] + leaf;
        }
        return module.equals(architecture.startsWith("gemma") ? "pre_feedforward_layernorm" : "post_attention_layernorm") ? block + "ffn_norm" + leaf : null;
    }

    /// Name of each base matrix -> canonical path, `{e}` for the expert of stacked ones; only those among `modules`.
    static Map<String, String> modules(String architecture, int layers, Set<String> modules) {
        boolean beside = architecture.equals("gemma4");
        Map<String, String> names = new TreeMap<>();
        if (modules.contains("lm_head")) names.put("output.weight", "lm_head");
        names.put("token_embd.weight", "embed_tokens");
        for (int i = 0; i < layers; i++) {
            for (String[] pair : LAYER) put(names, modules, i, pair[0], pair[1]);
            put(names, modules, i, "ffn_gate_inp", beside ? "router.proj" : "mlp.gate");
            for (String[] pair : EXPERTS) {
                String path = "layers." + i + "." + (beside ? "" : "mlp.") + pair[1].replace("experts.", "experts.{e}.");
                if (modules.contains(path.replace("{e}", "0"))) names.put("blk." + i + "." + pair[0] + ".weight", path);
            }
        }
        return names;
    }

    private static void put(Map<String, String> names, Set<String> modules, int layer, String name, String module) {
        String path = "layers." + layer + "." + module;
        if (modules.contains(path)) names.put("blk." + layer + "." + name + ".weight", path);
    }

    private static void layer(List<Rename> renames, String from, String to) {
        renames.add(new Rename("^blk\\.(\\d+)\\." + from + "\\.(weight|bias)$", "layers.$1." + to + ".$2"));
    }
}
