// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.family;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.model.ConfigReader;
import dev.stoa.model.ModelConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorPlan;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// The families this engine knows, by the `model_type` their files declare.
public final class Families {
    private static final Map<String, Family> BY_MODEL_TYPE = Map.of("llama", new Llama(), "qwen3", new Qwen3());

    private Families() {}

    /// Every registered `model_type`, sorted.
    public static Set<String> modelTypes() {
        return new TreeSet<>(BY_MODEL_TYPE.keySet());
    }

    /// Translates a parsed `config.json` beside tensors of the given names (prefixed or canonical).
    public static ModelSpec translate(JsonNode config, Set<String> tensorNames) {
        String modelType = config == null || config.get("model_type") == null ? null : config.get("model_type").asString();
        Family family = modelType == null ? null : BY_MODEL_TYPE.get(modelType);
        if (family == null) {
            throw Fault.of(EngineFault.CONFIG_UNKNOWN_TYPE, "no family is registered for this model_type")
                    .where("config.json, model_type").got(modelType).expected("one of " + modelTypes()).exception();
        }
        ModelConfig read = ConfigReader.read(config);
        Map<String, String> canonical = new TreeMap<>();
        for (String name : tensorNames) canonical.put(TensorPlan.canonical(name), name);
        return family.translate(read, canonical.containsKey("lm_head.weight"));
    }
}
