// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import static dev.stoa.EngineFault.ADAPTER_INVALID;

import dev.stoa.Fault;
import dev.stoa.format.JsonFields;
import dev.stoa.format.SafePattern;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/// What `adapter_config.json` says about ranks and scales; everything that would change the result and is not
/// supported has been refused. Patterns are tried in file order on the whole path, as PEFT does.
///
/// `fan_in_fan_out` needs no care: it turns PEFT's dense update into the layout of a transposed base weight, while the
/// factors are always A (r, in) and B (out, r).
record PeftConfig(int rank, double alpha, boolean rsLora, Map<Pattern, Integer> ranks, Map<Pattern, Double> alphas, String baseHash,
        boolean dora, boolean fanInFanOut, String version, List<Integer> invocationTokens, Map<String, List<Integer>> tokens,
        List<String> fullModules) {
    /// Settings whose effect this reader does not reproduce, each with the step that helps.
    private static final Map<String, String> REFUSED = Map.ofEntries(
            Map.entry("ensure_weight_tying", "tied embeddings are not supported yet; merge the adapter into its base"),
            Map.entry("layer_replication", "the base would need repeated layers; merge the adapter into its base"),
            Map.entry("use_qalora", "QALoRA is not supported; merge the adapter into its base"),
            Map.entry("use_bdlora", "block-diagonal LoRA is not supported; train a plain LoRA"),
            Map.entry("megatron_config", "Megatron layers are not supported; export a plain LoRA"),
            Map.entry("arrow_config", "Arrow routing is not supported; load its experts one by one"),
            Map.entry("velora_config", "VeLoRA is not supported; export a plain LoRA"),
            Map.entry("monteclora_config", "MonteCLoRA is not supported; export a plain LoRA"));
    /// Settings that say how an adapter was trained, or are read here or by its tensors.
    private static final Set<String> NEUTRAL = Set.of("peft_type", "task_type", "peft_version", "auto_mapping", "revision",
            "base_model_name_or_path", "inference_mode", "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules",
            "fan_in_fan_out", "bias", "use_rslora", "init_lora_weights", "layers_to_transform", "layers_pattern", "rank_pattern",
            "alpha_pattern", "megatron_core", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "qalora_group_size",
            "runtime_config", "stoa", "use_dora", "modules_to_save", "lora_bias", "trainable_token_indices", "target_parameters",
            "alora_invocation_tokens", "kasa_config", "use_kasa");
    private static final Pattern VERSION = Pattern.compile("^(\\d{1,4})\\.(\\d{1,4})\\.(\\d{1,4})");
    /// Initializations that change the base weights, so the factors alone are not the adapter.
    private static final List<String> MUTATING_INIT = List.of("pissa", "olora", "corda", "loftq", "lora_ga");

    /// `besideInitial` says that the adapter is read together with what it was before training.
    static PeftConfig parse(JsonNode node, Path file, boolean besideInitial) {
        JsonFields config = new JsonFields(node, file + ":", ADAPTER_INVALID);
        List<String> issues = new ArrayList<>();
        String type = config.text("peft_type", "");
        if (!type.equals("LORA")) issues.add("peft_type is \"" + type + "\", expected \"LORA\"");
        for (Map.Entry<String, JsonNode> setting : node.properties()) {
            String key = setting.getKey();
            if (NEUTRAL.contains(key) || !set(setting.getValue())) continue;
            String reason = REFUSED.getOrDefault(key, "an unknown setting, which may change the result; report it, or export without it");
            issues.add(key + " = " + clip(setting.getValue()) + ": " + reason);
        }
        String init = node.path("init_lora_weights").asString("");
        for (String mutating : MUTATING_INIT) {
            if (init.startsWith(mutating) && !besideInitial) {
                issues.add("init_lora_weights = \"" + init + "\": it changed the base; pass the adapter as it was before training with --initial-adapter DIR");
            }
        }
        int rank = config.integer("r", 8);
        double alpha = config.number("lora_alpha", 8);
        if (rank < 1) issues.add("r = " + rank + ", expected at least 1");
        Map<Pattern, Integer> ranks = new LinkedHashMap<>();
        Map<Pattern, Double> alphas = new LinkedHashMap<>();
        patterns(config, "rank_pattern").forEach((key, pattern) -> ranks.put(pattern, config.object("rank_pattern").integer(key)));
        patterns(config, "alpha_pattern").forEach((key, pattern) -> alphas.put(pattern, config.object("alpha_pattern").number(key, Double.NaN)));
        if (!issues.isEmpty()) {
            throw Fault.of(ADAPTER_INVALID, "this adapter uses settings that cannot be reproduced").where(file)
                    .expected("a plain LoRA adapter").issues(issues).exception();
        }
        String baseHash = config.has("stoa") ? config.object("stoa").text("base_hash", null) : null;
        return new PeftConfig(rank, alpha, config.flag("use_rslora", false), ranks, alphas, baseHash, config.flag("use_dora", false),
                config.flag("fan_in_fan_out", false), config.text("peft_version", ""), integers(config, "alora_invocation_tokens"), tokens(config),
                config.list("modules_to_save").stream().map(item -> item.asString("")).filter(name -> !name.isEmpty()).toList());
    }

    /// `trainable_token_indices`: a list for the input table, or lists by module name.
    private static Map<String, List<Integer>> tokens(JsonFields config) {
        Map<String, List<Integer>> tokens = new LinkedHashMap<>();
        JsonNode value = config.node().path("trainable_token_indices");
        if (value.isArray()) tokens.put("embed_tokens", integers(config, "trainable_token_indices"));
        else if (value.isObject()) {
            JsonFields map = config.object("trainable_token_indices");
            for (String module : value.propertyNames()) tokens.put(module.substring(module.lastIndexOf('.') + 1), integers(map, module));
        }
        return tokens;
    }

    private static List<Integer> integers(JsonFields fields, String name) {
        List<Integer> all = new ArrayList<>();
        for (JsonNode item : fields.list(name)) {
            if (!item.isIntegralNumber() || !item.canConvertToInt() || item.intValue() < 0) {
                throw fields.fault(name, "a token id is not a number from 0 up").next("export the adapter again").exception();
            }
            all.add(item.intValue());
        }
        return all;
    }

    /// Whether it was written by PEFT 0.19.1 or later, whose layout of fused experts is known.
    boolean modernExperts() {
        Matcher match = VERSION.matcher(version);
        if (!match.find()) return false;
        int major = Integer.parseInt(match.group(1));
        int minor = Integer.parseInt(match.group(2));
        return major > 0 || minor > 19 || minor == 19 && Integer.parseInt(match.group(3)) >= 1;
    }

    private static Map<String, Pattern> patterns(JsonFields config, String name) {
        Map<String, Pattern> patterns = new LinkedHashMap<>();
        if (!config.has(name)) return patterns;
        JsonFields map = config.object(name);
        for (String key : map.node().propertyNames()) {
            patterns.put(key, SafePattern.compile("(.*\\.)?(" + key + ")", 0, map.where(), ADAPTER_INVALID));
        }
        return patterns;
    }

    /// Declared rank of a module by its name without `base_model.model.`.
    int rankOf(String module) {
        for (Map.Entry<Pattern, Integer> entry : ranks.entrySet()) {
            if (entry.getKey().matcher(module).matches()) return entry.getValue();
        }
        return rank;
    }

    /// Effective scale: alpha / r, or alpha / sqrt(r) for rank-stabilized LoRA.
    double scaleOf(String module) {
        double moduleAlpha = alpha;
        for (Map.Entry<Pattern, Double> entry : alphas.entrySet()) {
            if (!entry.getKey().matcher(module).matches()) continue;
            moduleAlpha = entry.getValue();
            break;
        }
        int moduleRank = rankOf(module);
        return rsLora ? moduleAlpha / Math.sqrt(moduleRank) : moduleAlpha / moduleRank;
    }

    private static boolean set(JsonNode value) {
        if (value.isNull()) return false;
        if (value.isBoolean()) return value.booleanValue();
        return !value.isContainer() || !value.isEmpty();
    }

    private static String clip(JsonNode value) {
        String text = value.toString();
        return text.length() <= 80 ? text : text.substring(0, 80) + "...";
    }
}
