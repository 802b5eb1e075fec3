// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.ModelConfig.RopeParameters;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// Brings the dialects of `config.json` (transformers 4 and 5) to one [ModelConfig].
///
/// Every key must be understood or known to have no effect on the result; all others are listed in one error,
/// as are values of the wrong kind and two dialects that disagree in one file. Keys without a value count as absent.
public final class ConfigReader {
    private static final Set<String> HARMLESS = Set.of(
            "architectures", "transformers_version", "torch_dtype", "dtype", "use_cache", "initializer_range",
            "attention_dropout", "pretraining_tp", "bos_token_id", "pad_token_id", "unk_token_id", "sep_token_id",
            "cls_token_id", "decoder_start_token_id", "output_attentions", "output_hidden_states", "return_dict",
            "return_dict_in_generate", "output_scores", "id2label", "label2id", "num_labels", "problem_type",
            "torchscript", "use_bfloat16", "tf_legacy_loss", "finetuning_task", "tokenizer_class", "prefix",
            "task_specific_params", "chunk_size_feed_forward", "tie_encoder_decoder", "name_or_path",
            "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
            "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty",
            "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences",
            "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values", "suppress_tokens",
            "begin_suppress_tokens", "exponential_decay_length_penalty", "unsloth_version", "unsloth_fixed", "model_name");
    /// Keys with an effect that exists elsewhere but not here: accepted only when they switch it off.
    private static final Set<String> MUST_BE_OFF =
            Set.of("is_encoder_decoder", "is_decoder", "add_cross_attention", "pruned_heads", "cross_attention_hidden_size");
    private static final Set<String> UNDERSTOOD = Set.of(
            "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "rms_norm_eps", "max_position_embeddings", "hidden_act",
            "attention_bias", "mlp_bias", "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters",
            "use_sliding_window", "sliding_window", "max_window_layers", "layer_types", "eos_token_id");
    private static final int MAX_LAYERS = 4096;

    private final JsonNode root;
    private final List<String> issues = new ArrayList<>();

    private ConfigReader(JsonNode root) {
        this.root = root;
    }

    /// Reads a parsed `config.json`; everything wrong in it is reported at once.
    public static ModelConfig read(JsonNode config) {
        if (config == null || !config.isObject()) {
            throw Fault.of(EngineFault.CONFIG_INVALID, "config.json is not a JSON object").exception();
        }
        return new ConfigReader(config).read();
    }

    private ModelConfig read() {
        String modelType = text("model_type", null);
        List<String> unknown = new ArrayList<>();
        for (String key : new TreeSet<>(root.propertyNames())) {
            if (absent(root.get(key)) || key.startsWith("_") || HARMLESS.contains(key) || UNDERSTOOD.contains(key)) continue;
            if (MUST_BE_OFF.contains(key) && off(root.get(key))) continue;
            unknown.add(key + " = " + shorten(root.get(key).toString()));
        }
        if (!unknown.isEmpty()) {
            throw Fault.of(EngineFault.CONFIG_UNKNOWN_KEY, "config.json has %d keys that are not understood", unknown.size())
                    .where("model_type " + modelType).issues(unknown)
                    .next("a key that may change the result is never ignored; remove it only if it has no effect")
                    .exception();
        }
        int hidden = integer("hidden_size", -1, 1, 1 << 20);
        int heads = integer("num_attention_heads", -1, 1, 1 << 14);
        int layers = integer("num_hidden_layers", -1, 1, MAX_LAYERS);
        int maxPositions = integer("max_position_embeddings", 2048, 1, Integer.MAX_VALUE);
        List<String> layerTypes = strings("layer_types");
        if (!layerTypes.isEmpty() && layerTypes.size() != layers) {
            issues.add("layer_types has " + layerTypes.size() + " entries for " + layers + " layers");
        }
        ModelConfig config = new ModelConfig(modelType, integer("vocab_size", -1, 1, 1 << 24), hidden,
                integer("intermediate_size", -1, 1, 1 << 22), layers, heads, integer("num_key_value_heads", 0, 1, 1 << 14), integer("head_dim", 0, 2, 1 << 14),
                (float) number(root, "rms_norm_eps", 1e-6), maxPositions, text("hidden_act", "silu"),
                bool(root, "attention_bias", false), bool(root, "mlp_bias", false),
                has("tie_word_embeddings") ? (Boolean) bool(root, "tie_word_embeddings", false) : null, rope(),
                bool(root, "use_sliding_window", false), integer("sliding_window", 0, 0, Integer.MAX_VALUE),
                integer("max_window_layers", 28, 0, Integer.MAX_VALUE), layerTypes, ids("eos_token_id"));
        if (!issues.isEmpty()) {
            throw Fault.of(EngineFault.CONFIG_INVALID, "config.json has %d invalid values", issues.size())
                    .where("model_type " + modelType).issues(issues).exception();
        }
        return config;
    }

    /// transformers 4: rope_theta + rope_scaling {type | rope_type, …}; transformers 5: rope_parameters {rope_type, rope_theta, …}.
    private RopeParameters rope() {
        JsonNode five = object("rope_parameters");
        JsonNode four = object("rope_scaling");
        if (five != null && five.isObject() && (five.has("full_attention") || five.has("sliding_attention"))) {
            issues.add("rope_parameters per layer type are not supported for this family");
            five = null;
        }
        RopeParameters newer = five == null ? null : rope(five, number(five, "rope_theta", number(root, "rope_theta", 10_000)));
        RopeParameters older = four == null && !has("rope_theta") && five != null
                ? null : rope(four, number(root, "rope_theta", 10_000));
        if (newer == null) return older;
        boolean contradicts = has("rope_theta") && newer.theta() != older.theta() || four != null && !newer.equals(older);
        if (contradicts) issues.add("rope_parameters " + newer + " contradicts rope_theta / rope_scaling " + older);
        return newer;
    }

    private RopeParameters rope(JsonNode node, double theta) {
        if (node == null) {
            return new RopeParameters("default", theta, 1, 1, 4, Double.NaN, Double.NaN, 32, 1, Double.NaN, Double.NaN, true);
        }
        String type = node.has("rope_type") ? node.get("rope_type").asString() : node.has("type") ? node.get("type").asString() : "default";
        if (node.has("rope_type") && node.has("type") && !node.get("rope_type").equals(node.get("type"))) {
            issues.add("rope_type " + node.get("rope_type") + " contradicts type " + node.get("type"));
        }
        for (String key : node.propertyNames()) {
            if (!ROPE_KEYS.contains(key) && !absent(node.get(key))) issues.add("rope key " + key + " is not understood");
        }
        if (number(node, "partial_rotary_factor", 1) != 1) {
            issues.add("partial_rotary_factor " + node.get("partial_rotary_factor") + " is not supported for this family");
        }
        return new RopeParameters(type, theta, number(node, "factor", 1), number(node, "low_freq_factor", 1),
                number(node, "high_freq_factor", 4), number(node, "original_max_position_embeddings", Double.NaN),
                number(node, "attention_factor", Double.NaN), number(node, "beta_fast", 32), number(node, "beta_slow", 1),
                number(node, "mscale", Double.NaN), number(node, "mscale_all_dim", Double.NaN), bool(node, "truncate", true));
    }

    private static final Set<String> ROPE_KEYS = Set.of("rope_type", "type", "rope_theta", "factor", "low_freq_factor",
            "high_freq_factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
            "mscale", "mscale_all_dim", "truncate", "partial_rotary_factor");

    private boolean has(String key) {
        return !absent(root.get(key));
    }

    private static boolean absent(JsonNode node) {
        return node == null || node.isNull() || node.isMissingNode();
    }

    private static boolean off(JsonNode node) {
        return node.isBoolean() && !node.asBoolean() || node.isContainer() && node.isEmpty();
    }

    private JsonNode object(String key) {
        if (!has(key)) return null;
        if (root.get(key).isObject()) return root.get(key);
        issues.add(key + " = " + shorten(root.get(key).toString()) + ", expected an object");
        return null;
    }

    private String text(String key, String fallback) {
        if (has(key) && root.get(key).isString()) return root.get(key).asString();
        if (fallback == null || has(key)) issues.add(key + " = " + root.get(key) + ", expected a string");
        return fallback;
    }

    private int integer(String key, int fallback, int least, int most) {
        JsonNode node = root.get(key);
        if (absent(node)) {
            if (fallback < 0) issues.add(key + " is missing");
            return fallback;
        }
        if (node.isIntegralNumber() && node.canConvertToInt() && node.asInt() >= least && node.asInt() <= most) return node.asInt();
        issues.add(key + " = " + shorten(node.toString()) + ", expected an integer in [" + least + ", " + most + "]");
        return Math.max(least, 2);
    }

    private double number(JsonNode from, String key, double fallback) {
        JsonNode node = from.get(key);
        if (absent(node)) return fallback;
        if (node.isNumber() && node.asDouble() > 0 && node.asDouble() < 1e15) return node.asDouble();
        issues.add(key + " = " + shorten(node.toString()) + ", expected a positive number");
        return fallback;
    }

    private boolean bool(JsonNode from, String key, boolean fallback) {
        JsonNode node = from.get(key);
        if (absent(node)) return fallback;
        if (!node.isBoolean()) issues.add(key + " = " + shorten(node.toString()) + ", expected true or false");
        return node.isBoolean() && node.asBoolean();
    }

    private List<String> strings(String key) {
        List<String> values = new ArrayList<>();
        if (!has(key)) return values;
        for (JsonNode node : root.get(key)) values.add(node.asString());
        return values;
    }

    /// One id or a list of ids.
    private List<Integer> ids(String key) {
        if (!has(key)) return List.of();
        List<Integer> ids = readIds(root.get(key));
        if (ids == null) issues.add(key + " = " + shorten(root.get(key).toString()) + ", expected an id or a list of ids");
        return ids == null ? List.of() : ids;
    }

    /// Ids of a value that holds one id or a list of them, sorted; null when it holds something else.
    public static List<Integer> readIds(JsonNode node) {
        List<Integer> ids = new ArrayList<>();
        for (JsonNode id : node.isArray() ? node : List.of(node)) {
            if (!id.isIntegralNumber() || !id.canConvertToInt() || id.asInt() < 0) return null;
            ids.add(id.asInt());
        }
        ids.sort(Comparator.naturalOrder());
        return ids;
    }

    private static String shorten(String text) {
        return text.length() <= 80 ? text : text.substring(0, 80) + "…";
    }
}
