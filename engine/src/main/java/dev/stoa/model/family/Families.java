// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.ConfigReader;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorDirectory;
import dev.stoa.nn.mixer.MixerRegistry;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// The families this engine knows, by the `model_type` their files declare.
public final class Families {
    private static final Map<String, Family> BY_MODEL_TYPE = new TreeMap<>(Map.ofEntries(
            Map.entry("llama", new Llama()), Map.entry("qwen2", new Qwen2()), Map.entry("qwen3", new Qwen3()),
            Map.entry("qwen3_moe", new Qwen3Moe()), Map.entry("qwen3_5", new Qwen35()), Map.entry("qwen3_5_text", new Qwen35()),
            Map.entry("qwen3_5_moe", new Qwen35()), Map.entry("qwen3_5_moe_text", new Qwen35()), Map.entry("gemma2", new Gemma(true)),
            Map.entry("gemma3", new Gemma(false)), Map.entry("gemma3_text", new Gemma(false)), Map.entry("gemma4", new Gemma4()),
            Map.entry("gemma4_text", new Gemma4()), Map.entry("gemma4_unified", new Gemma4()),
            Map.entry("gemma4_unified_text", new Gemma4()), Map.entry("minimax_m2", new MiniMaxM2()),
            Map.entry("minimax_m2_7", new MiniMaxM2()), Map.entry("bert", new Bert()), Map.entry("mpnet", new MPNet())));

    private Families() {}

    /// Every registered `model_type`, sorted.
    public static Set<String> modelTypes() {
        Set<String> types = new TreeSet<>(BY_MODEL_TYPE.keySet());
        types.addAll(Set.of("composed", "hybrid"));
        types.addAll(MixerRegistry.installed().kinds().keySet());
        return types;
    }

    /// Translates a parsed `config.json` beside tensors of the given names (prefixed or canonical).
    public static ModelSpec translate(JsonNode config, Set<String> tensorNames) {
        return translate(config, TensorDirectory.ofNames(tensorNames));
    }

    /// A parsed `config.json` of a registered family in one form, whatever its dialect.
    public static ModelConfig read(JsonNode config) {
        Family family = BY_MODEL_TYPE.get(config.path("model_type").asString(""));
        return ConfigReader.read(config, family == null ? Set.of() : family.keys());
    }

    /// Translates a parsed `config.json` beside the given tensors.
    public static ModelSpec translate(JsonNode config, TensorDirectory files) {
        String modelType = config == null || config.get("model_type") == null ? null : config.get("model_type").asString("");
        Family family = modelType == null ? null : BY_MODEL_TYPE.get(modelType);
        if (family == null && modelType != null && Composed.matches(modelType)) {
            family = new Composed();
            config = Composed.spelledOut(config);
        }
        if (family == null) {
            throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "no family is registered for this model_type")
                    .where("config.json, model_type").got(modelType).expected("one of " + modelTypes()).exception();
        }
        ModelConfig read = ConfigReader.read(config, family.keys());
        ModelSpec spec = family.translate(read, files);
        ConfigReader.raise(read);
        return spec;
    }
}
