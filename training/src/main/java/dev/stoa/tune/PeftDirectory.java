// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.adapter.TargetId;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.grad.Projection;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A trained adapter as PEFT saves it: adapter_config.json and adapter_model.safetensors.
final class PeftDirectory {
    private PeftDirectory() {}

    static void write(Path directory, LoraTrain.Config config, SortedMap<TargetId, Projection.LowRank> updates) throws IOException {
        TreeMap<String, Tensor> tensors = new TreeMap<>();
        TreeSet<String> modules = new TreeSet<>();
        updates.forEach((target, update) -> {
            String prefix = "base_model.model.model." + target.path();
            tensors.put(prefix + ".lora_A.weight", update.a().value());
            tensors.put(prefix + ".lora_B.weight", update.b().value());
            modules.add(target.module().substring(target.module().lastIndexOf('.') + 1));
        });
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("peft_type", "LORA").put("task_type", "CAUSAL_LM").put("base_model_name_or_path", config.baseName());
        json.put("r", config.rank()).put("lora_alpha", config.alpha()).put("lora_dropout", 0.0).put("bias", "none");
        json.put("fan_in_fan_out", false).put("use_rslora", false).put("use_dora", false).put("inference_mode", true);
        modules.forEach(json.putArray("target_modules")::add);
        AtomicFiles.writeDirectory(directory, part -> {
            AtomicFiles.write(part.resolve("adapter_config.json"), Json.pretty(json));
            SafetensorsWriter.write(part.resolve("adapter_model.safetensors"), tensors, Map.of());
        });
    }
}
