// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.TargetId;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.generate.Engine;
import dev.stoa.generate.LoadConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.family.Families;
import dev.stoa.tensor.Tensor;
import dev.stoa.token.BpeTrainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;

/// A model directory with random weights and a small tokenizer, and adapters for it, written like transformers and PEFT
/// write theirs.
public final class TinyDirectory {
    private static final String CONFIG = """
            {"model_type":"qwen3","architectures":["Qwen3ForCausalLM"],"vocab_size":290,"hidden_size":32,"intermediate_size":48,
             "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":8,"max_position_embeddings":256,
             "rms_norm_eps":1e-6,"rope_parameters":{"rope_type":"default","rope_theta":10000.0},"tie_word_embeddings":true,
             "eos_token_id":1,"hidden_act":"silu"}""";
    private static final String TEMPLATE = """
            {{ bos_token }}{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}\
            {% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}""";

    private TinyDirectory() {}

    public static Path write(Path directory) throws IOException {
        Files.createDirectories(directory);
        ModelSpec spec = Families.translate(JsonMapper.shared().readTree(CONFIG), Set.of());
        SplittableRandom random = new SplittableRandom(5);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            boolean norm = binding.name().endsWith("norm.weight");
            double deviation = binding.role() == TensorPlan.Role.VECTOR ? 0.1 : 0.3;
            tensors.put("model." + binding.name(), gaussian(random, norm ? 1 : 0, deviation, binding.shape()));
        }
        SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        Files.writeString(directory.resolve("config.json"), CONFIG);
        Files.writeString(directory.resolve("tokenizer.json"),
                BpeTrainer.train(List.of("the answer is the end of the text, is it not?"), 280, List.of("<bos>", "<end>")));
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\":\"<end>\",\"bos_token\":\"<bos>\"}");
        Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATE);
        return directory;
    }

    /// An adapter with random factors; another seed, another adapter.
    public static Path adapter(Path model, Path directory, long seed) throws IOException {
        try (Engine engine = Engine.open(LoadConfig.of(model).withKernels("auto", 1))) {
            SplittableRandom random = new SplittableRandom(seed);
            TreeMap<TargetId, Delta> entries = new TreeMap<>();
            engine.model().linearShapes().forEach((path, shape) -> {
                if (path.equals("lm_head")) return;
                entries.put(TargetId.ofPath(path), new Delta.LowRank(
                        gaussian(random, 0, 0.2, 4, shape[1]), gaussian(random, 0, 0.2, shape[0], 4), 1.0));
            });
            Adapter adapter = new Adapter(AdapterHash.of(entries), engine.model().hash(), entries);
            PeftWriter.write(adapter, "tiny", engine.model().linearShapes().keySet(), directory);
        }
        return directory;
    }

    private static Tensor gaussian(SplittableRandom random, double mean, double deviation, long... shape) {
        float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
        for (int i = 0; i < values.length; i++) values[i] = (float) (mean + deviation * random.nextGaussian());
        return Tensor.of(values, shape);
    }
}
