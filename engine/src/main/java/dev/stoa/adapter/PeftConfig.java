// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import tools.jackson.databind.JsonNode;

/// What `adapter_config.json` says about ranks and scales; everything that would change the result and is not
/// supported has been refused. Patterns are tried in file order on the whole path, as PEFT does.
record PeftConfig(
        int rank, double alpha, boolean rsLora, boolean fanInFanOut, Map<Pattern, Integer> ranks, Map<Pattern, Double> alphas,
        String baseHash) {
    /// Settings whose effect this reader does not reproduce, each with the step that helps.
    private static final Map<String, String> REFUSED = Map.ofEntries(
            Map.entry("use_dora", "merge the adapter into its base, or train a plain LoRA"),
            Map.entry("modules_to_save", "merge the adapter into its base"),
            Map.entry("lora_bias", "export without lora_bias"),
            Map.entry("trainable_token_indices", "merge the adapter into its base"),
            Map.entry("target_parameters", "fused experts are not supported yet"),
            Map.entry("alora_invocation_tokens", "activated LoRA is not supported yet"),
            Map.entry("layer_replication", "merge the adapter into its base"),
            Map.entry("use_qalora", "merge the adapter into its base"),
            Map.entry("use_bdlora", "merge the adapter into its base"),
            Map.entry("megatron_config", "export a plain LoRA"),
            Map.entry("arrow_config", "load its experts one by one"),
            Map.entry("velora_config", "export a plain LoRA"),
            Map.entry("monteclora_config", "export a plain LoRA"));
    /// Initializations that change the base weights, so the factors alone are not the adapter.
    private static final List<String> MUTATING_INIT = List.of("pissa", "olora", "corda", "loftq", "eva");

    static PeftConfig parse(JsonNode config, Path where) {
        List<String> issues = new ArrayList<>();
        String type = config.path("peft_type").asString("");
        if (!type.equals("LORA")) issues.add("peft_type is \"" + type + "\", expected \"LORA\"");
        REFUSED.forEach((key, next) -> {
            if (set(config.get(key))) issues.add(key + " = " + config.get(key) + ": " + next);
        });
        String bias = config.path("bias").asString("none");
        if (!bias.equals("none")) issues.add("bias = \"" + bias + "\": export with bias \"none\"");
        String init = config.path("init_lora_weights").asString("");
        for (String mutating : MUTATING_INIT) {
            if (init.startsWith(mutating)) issues.add("init_lora_weights = \"" + init + "\": convert the adapter to plain LoRA");
        }
        int rank = config.path("r").asInt(8);
        double alpha = config.path("lora_alpha").asDouble(8);
        if (rank < 1) issues.add("r = " + rank + ", expected at least 1");
        if (!Double.isFinite(alpha)) issues.add("lora_alpha = " + alpha + ", expected a finite number");
        Map<Pattern, Integer> ranks = new LinkedHashMap<>();
        Map<Pattern, Double> alphas = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : config.path("rank_pattern").properties()) {
            Pattern pattern = pattern(entry.getKey(), issues);
            if (pattern != null) ranks.put(pattern, entry.getValue().asInt(0));
        }
        for (Map.Entry<String, JsonNode> entry : config.path("alpha_pattern").properties()) {
            Pattern pattern = pattern(entry.getKey(), issues);
            if (pattern != null) alphas.put(pattern, entry.getValue().asDouble(Double.NaN));
        }
        if (!issues.isEmpty()) {
            throw Fault.of(EngineFault.ADAPTER_INVALID, "this adapter uses settings that cannot be reproduced").where(where)
                    .expected("a plain LoRA adapter").issues(issues).exception();
        }
        return new PeftConfig(rank, alpha, config.path("use_rslora").asBoolean(false), config.path("fan_in_fan_out").asBoolean(false),
                ranks, alphas, config.path("stoa").path("base_hash").asString(null));
    }

    /// Declared rank of a module by its name without `base_model.model.`.
    int rankOf(String module) {
        return ranks.entrySet().stream().filter(entry -> entry.getKey().matcher(module).matches())
                .findFirst().map(Map.Entry::getValue).orElse(rank);
    }

    /// Effective scale: alpha / r, or alpha / sqrt(r) for rank-stabilized LoRA.
    double scaleOf(String module) {
        double moduleAlpha = alphas.entrySet().stream().filter(entry -> entry.getKey().matcher(module).matches())
                .findFirst().map(Map.Entry::getValue).orElse(alpha);
        int moduleRank = rankOf(module);
        return rsLora ? moduleAlpha / Math.sqrt(moduleRank) : moduleAlpha / moduleRank;
    }

    private static boolean set(JsonNode value) {
        if (value == null || value.isNull()) return false;
        if (value.isBoolean()) return value.booleanValue();
        return !value.isContainer() || !value.isEmpty();
    }

    private static Pattern pattern(String key, List<String> issues) {
        if (key.length() > 500) {
            issues.add("a pattern of " + key.length() + " characters, expected at most 500");
            return null;
        }
        try {
            return Pattern.compile("(.*\\.)?(" + key + ")$");
        } catch (PatternSyntaxException e) {
            issues.add("pattern \"" + key + "\" is not a regular expression: " + e.getDescription());
            return null;
        }
    }
}
