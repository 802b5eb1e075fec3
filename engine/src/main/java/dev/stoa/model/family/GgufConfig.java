// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.GgufMetadata;
import dev.stoa.format.GgufValue;
import dev.stoa.model.ModelSpec;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The hyper-parameters of a GGUF file as the `config.json` they came from, so that one family serves both. What the
/// format does not say is taken as llama.cpp takes it.
final class GgufConfig {
    private static final Map<String, String> MODEL_TYPES = new TreeMap<>(Map.ofEntries(Map.entry("llama", "llama"),
            Map.entry("qwen2", "qwen2"), Map.entry("qwen3", "qwen3"), Map.entry("qwen3moe", "qwen3_moe"), Map.entry("qwen35", "qwen3_5_text"),
            Map.entry("qwen35moe", "qwen3_5_moe_text"), Map.entry("gemma2", "gemma2"), Map.entry("gemma3", "gemma3_text"),
            Map.entry("gemma4", "gemma4_text"), Map.entry("minimax-m2", "minimax_m2"), Map.entry("bert", "bert")));

    private final GgufMetadata metadata;
    private final String arch;
    private final Map<String, long[]> shapes;
    private final ObjectNode config = JsonNodeFactory.instance.objectNode();
    private final int layers;

    private GgufConfig(GgufMetadata metadata, Map<String, long[]> shapes) {
        this.metadata = metadata;
        this.arch = metadata.text("general.architecture");
        this.shapes = shapes;
        this.layers = metadata.integer(arch + ".block_count") - metadata.integer(arch + ".nextn_predict_layers", 0);
    }

    /// The config of a file whose tensors, under canonical names, have the given shapes.
    static ObjectNode of(GgufMetadata metadata, Map<String, long[]> shapes) {
        String arch = metadata.text("general.architecture");
        if (!MODEL_TYPES.containsKey(arch)) {
            throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "no family is registered for this GGUF architecture")
                    .where(metadata.file()).got(arch).expected("one of " + MODEL_TYPES.keySet()).exception();
        }
        return new GgufConfig(metadata, shapes).translate();
    }

    /// The architecture that files of such a model name, or null.
    static String architecture(ModelSpec spec) {
        String type = spec.family().equals("qwen3_5") ? spec.modelType().contains("moe") ? "qwen3_5_moe_text" : "qwen3_5_text" : spec.family();
        for (Map.Entry<String, String> entry : MODEL_TYPES.entrySet()) {
            if (entry.getValue().equals(type) || entry.getValue().equals(type + "_text")) return entry.getKey();
        }
        return null;
    }

    private ObjectNode translate() {
        config.put("model_type", MODEL_TYPES.get(arch));
        long[] table = shapes.get("embed_tokens.weight");
        if (table != null && table.length == 2) config.put("vocab_size", table[0]);
        config.put("hidden_size", integer("embedding_length"));
        config.put("num_hidden_layers", layers);
        config.put("max_position_embeddings", integer("context_length"));
        config.put("intermediate_size", has("feed_forward_length") ? metadata.perLayer(key("feed_forward_length"), blocks())[0] : 0);
        if (config.get("intermediate_size").asInt() == 0) config.remove("intermediate_size");
        int[] heads = metadata.perLayer(key("attention.head_count"), blocks());
        config.put("num_attention_heads", Arrays.stream(heads).max().orElse(0));
        int[] keys = has("attention.head_count_kv") ? metadata.perLayer(key("attention.head_count_kv"), blocks()) : heads;
        config.put("num_key_value_heads", Arrays.stream(keys).max().orElse(0));
        if (has("attention.key_length")) config.put("head_dim", integer("attention.key_length"));
        else if (!arch.equals("bert")) config.put("head_dim", integer("embedding_length") / config.get("num_attention_heads").asInt());
        if (has("attention.layer_norm_rms_epsilon")) config.put("rms_norm_eps", number("attention.layer_norm_rms_epsilon"));
        if (metadata.has("tokenizer.ggml.eos_token_id")) config.put("eos_token_id", metadata.integer("tokenizer.ggml.eos_token_id"));
        if (shapes.containsKey("layers.0.self_attn.q_proj.bias") && !arch.equals("qwen2")) config.put("attention_bias", true);
        if (shapes.containsKey("layers.0.mlp.gate_proj.bias")) config.put("mlp_bias", true);
        switch (arch) {
            case "qwen3moe" -> experts("num_experts");
            case "qwen35", "qwen35moe" -> hybrid();
            case "gemma2", "gemma3" -> gemma();
            case "gemma4" -> gemma4(keys);
            case "minimax-m2" -> miniMax();
            case "bert" -> bert();
            default -> { }
        }
        if (!arch.equals("bert") && !arch.equals("gemma4")) rope();
        return config;
    }

    private int blocks() {
        return metadata.integer(key("block_count"));
    }

    private void rope() {
        double theta = has("rope.freq_base") ? number("rope.freq_base") : 10_000;
        config.put("rope_theta", theta);
        if (arch.equals("gemma3")) config.put("rope_local_base_freq", has("rope.freq_base_swa") ? number("rope.freq_base_swa") : 10_000);
        int dim = has("rope.dimension_count") ? integer("rope.dimension_count") : config.get("head_dim").asInt();
        int head = config.get("head_dim").asInt();
        if (arch.startsWith("qwen35")) config.put("partial_rotary_factor", (double) dim / head);
        else if (arch.equals("minimax-m2")) config.put("rotary_dim", dim);
        else if (dim != head) throw metadata.fault(key("rope.dimension_count"), "partly rotated heads are not known for %s", arch).exception();
        String type = metadata.text(key("rope.scaling.type"), "none");
        if (type.equals("none")) return;
        ObjectNode scaling = config.putObject("rope_scaling");
        scaling.put("rope_type", type);
        scaling.put("factor", number("rope.scaling.factor"));
        if (has("rope.scaling.original_context_length")) scaling.put("original_max_position_embeddings", integer("rope.scaling.original_context_length"));
        if (has("rope.scaling.yarn_beta_fast")) scaling.put("beta_fast", number("rope.scaling.yarn_beta_fast"));
        if (has("rope.scaling.yarn_beta_slow")) scaling.put("beta_slow", number("rope.scaling.yarn_beta_slow"));
        if (has("rope.scaling.attn_factor")) scaling.put("attention_factor", number("rope.scaling.attn_factor"));
        if (has("rope.scaling.yarn_attn_factor")) scaling.put("attention_factor", number("rope.scaling.yarn_attn_factor"));
    }

    private void experts(String key) {
        config.put(key, integer("expert_count"));
        config.put("num_experts_per_tok", integer("expert_used_count"));
        config.put("moe_intermediate_size", integer("expert_feed_forward_length"));
        config.put("norm_topk_prob", metadata.flag(key("expert_weights_norm"), true));
        ArrayNode dense = config.putArray("mlp_only_layers");
        for (int i = 0; i < layers; i++) if (!shapes.containsKey("layers." + i + ".mlp.gate.weight")) dense.add(i);
    }

    private void hybrid() {
        config.put("linear_conv_kernel_dim", integer("ssm.conv_kernel"));
        config.put("linear_key_head_dim", integer("ssm.state_size"));
        config.put("linear_num_key_heads", integer("ssm.group_count"));
        int values = integer("ssm.time_step_rank");
        config.put("linear_num_value_heads", values);
        config.put("linear_value_head_dim", integer("ssm.inner_size") / values);
        // Which layers are linear is in the tensors, whatever interval the file names.
        ArrayNode types = config.putArray("layer_types");
        for (int i = 0; i < layers; i++) {
            types.add(shapes.containsKey("layers." + i + ".self_attn.q_proj.weight") ? "full_attention" : "linear_attention");
        }
        if (!arch.equals("qwen35moe")) return;
        experts("num_experts");
        config.put("shared_expert_intermediate_size", has("expert_shared_feed_forward_length")
                ? integer("expert_shared_feed_forward_length") : integer("expert_feed_forward_length"));
    }

    /// The format has no field for query_pre_attn_scalar: as llama.cpp, the head width, except for the largest sizes.
    private void gemma() {
        boolean largest = layers == (arch.equals("gemma2") ? 46 : 62);
        config.put("query_pre_attn_scalar",
                largest ? integer("embedding_length") / config.get("num_attention_heads").asInt() : config.get("head_dim").asInt());
        config.put("hidden_activation", "gelu_pytorch_tanh");
        if (has("attention.sliding_window")) config.put("sliding_window", integer("attention.sliding_window"));
        else allFull();
        if (has("attention.sliding_window_pattern")) slidingPattern();
        caps();
    }

    private void caps() {
        if (has("final_logit_softcapping")) config.put("final_logit_softcapping", number("final_logit_softcapping"));
        else config.putNull("final_logit_softcapping");
        if (has("attn_logit_softcapping")) config.put("attn_logit_softcapping", number("attn_logit_softcapping"));
        else config.putNull("attn_logit_softcapping");
    }

    private void allFull() {
        ArrayNode types = config.putArray("layer_types");
        for (int i = 0; i < layers; i++) types.add("full_attention");
    }

    /// One flag per layer, or every n-th layer full.
    private void slidingPattern() {
        GgufValue pattern = metadata.get(key("attention.sliding_window_pattern"));
        if (!pattern.array()) {
            config.put("sliding_window_pattern", integer("attention.sliding_window_pattern"));
            return;
        }
        boolean[] sliding = metadata.flags(key("attention.sliding_window_pattern"));
        ArrayNode types = config.putArray("layer_types");
        for (int i = 0; i < layers && i < sliding.length; i++) types.add(sliding[i] ? "sliding_attention" : "full_attention");
    }

    private void gemma4(int[] keys) {
        config.put("hidden_activation", "gelu_pytorch_tanh");
        slidingPattern();
        config.put("sliding_window", integer("attention.sliding_window"));
        caps();
        config.remove("attn_logit_softcapping");
        config.put("head_dim", integer("attention.key_length_swa"));
        ObjectNode byLayer = config.putObject("per_layer_config");
        int sliding = 0;
        for (int i = 0; i < layers; i++) {
            boolean full = config.get("layer_types").get(i).asString("").equals("full_attention");
            if (!full) sliding = keys[i];
            else byLayer.putObject(Integer.toString(i)).put("head_dim", integer("attention.key_length")).put("num_key_value_heads", keys[i]);
        }
        if (sliding > 0) config.put("num_key_value_heads", sliding);
        int shared = metadata.integer(key("attention.shared_kv_layers"), 0);
        config.put("num_kv_shared_layers", shared);
        boolean equal = false;
        for (int i = 0; i < layers - shared; i++) {
            boolean full = config.get("layer_types").get(i).asString("").equals("full_attention");
            equal |= full && !shapes.containsKey("layers." + i + ".self_attn.v_proj.weight");
        }
        config.put("attention_k_eq_v", equal);
        int[] wide = metadata.perLayer(key("feed_forward_length"), blocks());
        config.put("use_double_wide_mlp", shared > 0 && wide[layers - 1] == 2 * wide[0]);
        int width = metadata.integer(key("embedding_length_per_layer_input"), 0);
        config.put("hidden_size_per_layer_input", width);
        long[] table = shapes.get("embed_tokens_per_layer.weight");
        if (width > 0 && table != null) config.put("vocab_size_per_layer_input", table[0]);
        if (has("expert_count") && integer("expert_count") > 0) {
            config.put("enable_moe_block", true);
            config.put("num_experts", integer("expert_count"));
            config.put("top_k_experts", integer("expert_used_count"));
            config.put("moe_intermediate_size", integer("expert_feed_forward_length"));
        }
        ObjectNode ropes = config.putObject("rope_parameters");
        // The unrotated pairs of full layers are in rope_freqs.
        ropes.putObject("full_attention").put("rope_type", "default").put("rope_theta", number("rope.freq_base"));
        ropes.putObject("sliding_attention").put("rope_type", "default")
                .put("rope_theta", has("rope.freq_base_swa") ? number("rope.freq_base_swa") : 10_000);
    }

    private void miniMax() {
        config.put("num_local_experts", integer("expert_count"));
        config.put("num_experts_per_tok", integer("expert_used_count"));
        config.put("intermediate_size", integer("expert_feed_forward_length"));
    }

    private void bert() {
        config.put("layer_norm_eps", number("attention.layer_norm_epsilon"));
        config.put("hidden_act", "gelu");
        config.remove("attention_bias");
        long[] types = shapes.get("embed_token_types.weight");
        if (types != null) config.put("type_vocab_size", types[0]);
    }

    private String key(String name) {
        return arch + "." + name;
    }

    private boolean has(String name) {
        return metadata.has(key(name));
    }

    private int integer(String name) {
        return metadata.integer(key(name));
    }

    private double number(String name) {
        // Stored as binary32: the decimal the config had is the shortest that gives the same bits.
        return Double.parseDouble(Float.toString((float) metadata.number(key(name))));
    }
}
