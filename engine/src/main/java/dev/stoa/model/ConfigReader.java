// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.ModelConfig.RopeParameters;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/// Brings the dialects of `config.json` (transformers 4 and 5) to one [ModelConfig]. Keys are read from `text_config`
/// first, then from the top level.
///
/// Every key must be understood, by this class or by the family, or known to have no effect on the result; all others
/// are listed in one error, as are values of the wrong kind and two dialects that disagree in one file. Keys without a
/// value count as absent.
public final class ConfigReader {
    private static final Set<String> HARMLESS = Set.of(
            "architectures", "transformers_version", "torch_dtype", "dtype", "use_cache", "initializer_range", "initializer_factor",
            "attention_dropout", "pretraining_tp", "bos_token_id", "pad_token_id", "unk_token_id", "sep_token_id",
            "cls_token_id", "decoder_start_token_id", "output_attentions", "output_hidden_states", "return_dict",
            "return_dict_in_generate", "output_scores", "id2label", "label2id", "num_labels", "problem_type",
            "torchscript", "use_bfloat16", "tf_legacy_loss", "finetuning_task", "tokenizer_class", "prefix",
            "task_specific_params", "chunk_size_feed_forward", "tie_encoder_decoder", "name_or_path",
            "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
            "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty",
            "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences",
            "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values", "suppress_tokens",
            "begin_suppress_tokens", "exponential_decay_length_penalty", "unsloth_version", "unsloth_fixed", "model_name",
            "auto_map", "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "gradient_checkpointing",
            "cache_implementation", "router_aux_loss_coef", "output_router_logits", "router_jitter_noise", "is_llama_config",
            "text_config", "vision_config", "audio_config", "image_token_id", "video_token_id", "audio_token_id",
            "vision_start_token_id", "vision_end_token_id", "vision_token_id", "image_token_index", "boi_token_index",
            "eoi_token_index", "boi_token_id", "eoi_token_id", "boa_token_id", "eoa_token_id", "eoa_token_index", "mm_tokens_per_image",
            "vision_soft_tokens_per_image", "language_model_only", "mlx_lm_version", "embd_pdrop");
    /// Keys with an effect that exists elsewhere but not here: accepted only when they switch it off.
    private static final Set<String> MUST_BE_OFF =
            Set.of("is_encoder_decoder", "is_decoder", "add_cross_attention", "pruned_heads", "cross_attention_hidden_size",
                    "use_bidirectional_attention");
    private static final Set<String> UNDERSTOOD = Set.of(
            "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "rms_norm_eps", "max_position_embeddings", "hidden_act", "hidden_activation",
            "attention_bias", "mlp_bias", "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters",
            "use_sliding_window", "sliding_window", "max_window_layers", "layer_types", "eos_token_id");
    private static final Set<String> ROPE_KEYS = Set.of("rope_type", "type", "rope_theta", "factor", "low_freq_factor",
            "high_freq_factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
            "mscale", "mscale_all_dim", "truncate", "partial_rotary_factor");
    private static final Set<String> LAYER_TYPES = Set.of("full_attention", "sliding_attention", "linear_attention");
    private static final int MAX_LAYERS = 4096;

    private final Map<String, JsonNode> keys = new TreeMap<>();
    private final Set<String> familyKeys;
    private final List<String> issues = new ArrayList<>();
    private final ConfigFields fields;

    private ConfigReader(JsonNode root, Set<String> familyKeys) {
        this.familyKeys = familyKeys;
        for (String key : root.propertyNames()) keys.put(key, root.get(key));
        JsonNode text = root.get("text_config");
        if (text != null && text.isObject()) {
            String outer = root.path("model_type").asString("");
            for (String key : text.propertyNames()) if (!ConfigFields.absent(text.get(key))) keys.put(key, text.get(key));
            if (!outer.isEmpty()) keys.put("model_type", root.get("model_type"));
        }
        this.fields = new ConfigFields(keys, issues);
    }

    /// Reads a parsed `config.json`; everything wrong in it is reported at once.
    public static ModelConfig read(JsonNode config) {
        return read(config, Set.of());
    }

    /// As [#read(JsonNode)] for a family that understands `familyKeys` besides the common ones. Those which change how
    /// positions are read are accepted only then: `partial_rotary_factor`, `rope_local_base_freq` (for a rotation per
    /// type of layer) and `mrope_section`.
    public static ModelConfig read(JsonNode config, Set<String> familyKeys) {
        if (config == null || !config.isObject()) {
            throw Fault.of(EngineFault.CONFIG_INVALID, "config.json is not a JSON object").exception();
        }
        return new ConfigReader(config, familyKeys).read();
    }

    /// Raises what a family found wrong, in one error.
    public static void raise(ModelConfig config) {
        raise(config.modelType(), config.fields().issues());
    }

    private static void raise(String modelType, List<String> issues) {
        if (issues.isEmpty()) return;
        throw Fault.of(EngineFault.CONFIG_INVALID, "config.json has %d invalid values", issues.size())
                .where("model_type " + modelType).issues(issues).exception();
    }

    private ModelConfig read() {
        String modelType = fields.text("model_type", null);
        unknownKeys(modelType);
        int hidden = fields.integer("hidden_size", -1, 1, 1 << 20);
        int heads = fields.integer("num_attention_heads", -1, 1, 1 << 14);
        int layers = fields.integer("num_hidden_layers", -1, 1, MAX_LAYERS);
        List<String> layerTypes = fields.texts("layer_types");
        if (!layerTypes.isEmpty() && layerTypes.size() != layers) {
            issues.add("layer_types has " + layerTypes.size() + " entries for " + layers + " layers");
        }
        String act = fields.has("hidden_activation") ? "hidden_activation" : "hidden_act";
        if (fields.has("hidden_activation") && fields.has("hidden_act") && !keys.get("hidden_act").equals(keys.get("hidden_activation"))) {
            issues.add("hidden_act " + keys.get("hidden_act") + " contradicts hidden_activation " + keys.get("hidden_activation"));
        }
        Map<String, RopeParameters> layered = layeredRopes();
        Map<String, JsonNode> own = new TreeMap<>(keys);
        own.keySet().retainAll(familyKeys);
        ModelConfig config = new ModelConfig(modelType, fields.integer("vocab_size", -1, 1, 1 << 24), hidden,
                fields.integer("intermediate_size", familyKeys.isEmpty() ? -1 : 0, 1, 1 << 22), layers, heads,
                fields.integer("num_key_value_heads", 0, 1, 1 << 14), fields.integer("head_dim", 0, 2, 1 << 14),
                (float) fields.number("rms_norm_eps", 1e-6), fields.integer("max_position_embeddings", 2048, 1, Integer.MAX_VALUE),
                fields.text(act, "silu"), fields.flag("attention_bias", false), fields.flag("mlp_bias", false),
                fields.has("tie_word_embeddings") ? (Boolean) fields.flag("tie_word_embeddings", false) : null,
                layered.isEmpty() ? rope() : rope(null, number("rope_theta", 10_000)), layered, fields.flag("use_sliding_window", false),
                fields.integer("sliding_window", 0, 0, Integer.MAX_VALUE), fields.integer("max_window_layers", 28, 0, Integer.MAX_VALUE),
                layerTypes, ids(), new ConfigFields(own, issues));
        raise(modelType, issues);
        return config;
    }

    private void unknownKeys(String modelType) {
        List<String> unknown = new ArrayList<>();
        keys.forEach((key, value) -> {
            if (ConfigFields.absent(value) || key.startsWith("_") || HARMLESS.contains(key) || UNDERSTOOD.contains(key)) return;
            if (key.startsWith("quantization") && readable(value)) return;
            if (familyKeys.contains(key) || MUST_BE_OFF.contains(key) && off(value)) return;
            unknown.add(key + " = " + ConfigFields.shorten(value.toString()));
        });
        if (unknown.isEmpty()) return;
        throw Fault.of(EngineFault.CONFIG_UNKNOWN_KEY, "config.json has %d keys that are not understood", unknown.size())
                .where("model_type " + modelType).issues(unknown)
                .next("a key that may change the result is never ignored; remove it only if it has no effect")
                .exception();
    }

    /// Quantized weights describe themselves; what a config says beside them must be a form that can be read: FP8 blocks,
    /// or the groups of MLX (which writes them twice, as `quantization` too).
    private boolean readable(JsonNode quantization) {
        if (quantization.path("quant_method").asString("").equals("fp8")) {
            return quantization.path("weight_block_size").toString().equals("[128,128]");
        }
        return quantization.has("group_size") && !quantization.has("quant_method");
    }

    /// transformers 4: rope_theta + rope_scaling {type | rope_type, …}; transformers 5: rope_parameters {rope_type, rope_theta, …}.
    private RopeParameters rope() {
        JsonNode five = fields.object("rope_parameters");
        JsonNode four = fields.object("rope_scaling");
        RopeParameters newer = five == null ? null : rope(five, fields.number(five.get("rope_theta"), "rope_theta", number("rope_theta", 10_000)));
        RopeParameters older = four == null && !fields.has("rope_theta") && five != null
                ? null : rope(four, number("rope_theta", 10_000));
        if (newer == null) return older;
        boolean contradicts = fields.has("rope_theta") && newer.theta() != older.theta() || four != null && !newer.equals(older);
        if (contradicts) issues.add("rope_parameters " + newer + " contradicts rope_theta / rope_scaling " + older);
        return newer;
    }

    /// A rotation per type of layer: transformers 5 nests it, transformers 4 had `rope_local_base_freq` for sliding layers
    /// while rope_theta and rope_scaling meant the full ones. Empty for other families.
    private Map<String, RopeParameters> layeredRopes() {
        JsonNode five = fields.object("rope_parameters");
        boolean nested = five != null && five.propertyNames().stream().anyMatch(LAYER_TYPES::contains);
        Map<String, RopeParameters> byType = new LinkedHashMap<>();
        if (nested && !familyKeys.contains("rope_local_base_freq")) {
            issues.add("rope_parameters per layer type are not supported for this family");
        } else if (nested) {
            for (String type : five.propertyNames()) {
                JsonNode node = five.get(type);
                if (ConfigFields.absent(node)) continue;
                if (!LAYER_TYPES.contains(type)) issues.add("rope_parameters has an unknown layer type " + type);
                byType.put(type, rope(node, fields.number(node.get("rope_theta"), "rope_theta", type.startsWith("full") ? 1e6 : 1e4)));
            }
            older("rope_theta", byType.get("full_attention"));
            older("rope_local_base_freq", byType.get("sliding_attention"));
        } else if (familyKeys.contains("rope_local_base_freq") && (fields.has("rope_local_base_freq") || five == null)) {
            byType.put("full_attention", rope(fields.object("rope_scaling"), number("rope_theta", 1e6)));
            byType.put("sliding_attention", rope(null, number("rope_local_base_freq", 1e4)));
        }
        return byType;
    }

    private void older(String key, RopeParameters newer) {
        if (newer != null && fields.has(key) && number(key, 0) != newer.theta()) {
            issues.add("rope_parameters theta " + newer.theta() + " contradicts " + key + " " + number(key, 0));
        }
    }

    private RopeParameters rope(JsonNode node, double theta) {
        double partial = familyKeys.contains("partial_rotary_factor") ? number("partial_rotary_factor", 1) : 1;
        if (node == null) {
            return new RopeParameters("default", theta, 1, 1, 4, Double.NaN, Double.NaN, 32, 1, Double.NaN, Double.NaN, true, partial);
        }
        String type = node.has("rope_type") ? node.get("rope_type").asString("") : node.has("type") ? node.get("type").asString("") : "default";
        if (node.has("rope_type") && node.has("type") && !node.get("rope_type").equals(node.get("type")) && !mrope(node)) {
            issues.add("rope_type " + node.get("rope_type") + " contradicts type " + node.get("type"));
        }
        for (String key : node.propertyNames()) {
            boolean understood = ROPE_KEYS.contains(key) || key.startsWith("mrope_") && familyKeys.contains("mrope_section");
            if (!understood && !ConfigFields.absent(node.get(key))) issues.add("rope key " + key + " is not understood");
        }
        partial = fields.number(node.get("partial_rotary_factor"), "partial_rotary_factor", partial);
        if (partial != 1 && !familyKeys.contains("partial_rotary_factor")) {
            issues.add("partial_rotary_factor " + node.get("partial_rotary_factor") + " is not supported for this family");
        }
        return new RopeParameters(mrope(node) ? "default" : type, theta, of(node, "factor", 1), of(node, "low_freq_factor", 1),
                of(node, "high_freq_factor", 4), of(node, "original_max_position_embeddings", Double.NaN),
                of(node, "attention_factor", Double.NaN), of(node, "beta_fast", 32), of(node, "beta_slow", 1),
                of(node, "mscale", Double.NaN), of(node, "mscale_all_dim", Double.NaN),
                fields.flag(node.get("truncate"), "truncate", true), partial);
    }

    /// Sections for image positions; for text they all are the plain position.
    private boolean mrope(JsonNode node) {
        return familyKeys.contains("mrope_section") && node.path("type").asString("").equals("mrope");
    }

    private double of(JsonNode node, String key, double fallback) {
        return fields.number(node.get(key), key, fallback);
    }

    private double number(String key, double fallback) {
        return fields.number(key, fallback);
    }

    private static boolean off(JsonNode node) {
        return node.isBoolean() && !node.asBoolean() || node.isContainer() && node.isEmpty();
    }

    /// One id or a list of ids.
    private List<Integer> ids() {
        if (!fields.has("eos_token_id")) return List.of();
        List<Integer> ids = readIds(keys.get("eos_token_id"));
        if (ids == null) issues.add("eos_token_id = " + ConfigFields.shorten(keys.get("eos_token_id").toString()) + ", expected an id or a list of ids");
        return ids == null ? List.of() : ids;
    }

    /// Ids of a value that holds one id or a list of them, sorted; null when it holds something else.
    public static List<Integer> readIds(JsonNode node) {
        return ConfigFields.readIds(node);
    }
}
