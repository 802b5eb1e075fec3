// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.TargetId;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.format.TensorItem;
import dev.stoa.generate.Engine;
import dev.stoa.generate.LoadConfig;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.family.Families;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import dev.stoa.token.BpeTrainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
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

    /// The same model as a GGUF file: its weights under their GGUF names, its tokenizer and template as metadata.
    public static Path gguf(Path directory, Path file) throws IOException {
        JsonNode config = JsonMapper.shared().readTree(CONFIG);
        JsonNode tokenizer = JsonMapper.shared().readTree(Files.readString(directory.resolve("tokenizer.json")));
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", GgufValue.text("qwen3"));
        metadata.put("general.sampling.temp", GgufValue.f32(0.5f));
        int[] numbers = {config.get("num_hidden_layers").asInt(), config.get("max_position_embeddings").asInt(), config.get("hidden_size").asInt(),
            config.get("intermediate_size").asInt(), config.get("num_attention_heads").asInt(), config.get("num_key_value_heads").asInt(),
            config.get("head_dim").asInt(), config.get("head_dim").asInt()};
        String[] names = {"block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count",
            "attention.head_count_kv", "attention.key_length", "attention.value_length"};
        for (int i = 0; i < names.length; i++) metadata.put("qwen3." + names[i], GgufValue.u32(numbers[i]));
        metadata.put("qwen3.attention.layer_norm_rms_epsilon", GgufValue.f32(1e-6f));
        metadata.put("qwen3.rope.freq_base", GgufValue.f32(10000));
        vocabulary(tokenizer, metadata);
        metadata.put("tokenizer.chat_template", GgufValue.text(TEMPLATE));
        try (Scope scope = new Ledger().scope("gguf")) {
            Safetensors weights = Safetensors.open(directory.resolve("model.safetensors"), scope);
            GgufWriter.write(file, metadata, weights.names().stream().map(name -> TensorItem.copy(ggufName(name), weights.find(name))).toList());
        }
        return file;
    }

    private static void vocabulary(JsonNode tokenizer, Map<String, GgufValue> metadata) {
        TreeMap<Integer, String> tokens = new TreeMap<>();
        tokenizer.get("model").get("vocab").properties().forEach(entry -> tokens.put(entry.getValue().asInt(), entry.getKey()));
        Set<Integer> special = new HashSet<>();
        for (JsonNode added : tokenizer.get("added_tokens")) {
            tokens.put(added.get("id").asInt(), added.get("content").asString());
            special.add(added.get("id").asInt());
        }
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : tokenizer.get("model").get("merges")) {
            merges.add(merge.isString() ? merge.asString() : merge.get(0).asString() + " " + merge.get(1).asString());
        }
        metadata.put("tokenizer.ggml.model", GgufValue.text("gpt2"));
        metadata.put("tokenizer.ggml.pre", GgufValue.text("gpt-2"));
        metadata.put("tokenizer.ggml.tokens", GgufValue.texts(List.copyOf(tokens.values())));
        metadata.put("tokenizer.ggml.token_type", GgufValue.i32s(tokens.keySet().stream().mapToInt(id -> special.contains(id) ? 3 : 1).toArray()));
        metadata.put("tokenizer.ggml.merges", GgufValue.texts(merges));
        tokens.forEach((id, token) -> {
            if (token.equals("<bos>")) metadata.put("tokenizer.ggml.bos_token_id", GgufValue.u32(id));
            if (token.equals("<end>")) metadata.put("tokenizer.ggml.eos_token_id", GgufValue.u32(id));
        });
    }

    private static String ggufName(String name) {
        String[][] renames = {{"model.embed_tokens.weight", "token_embd.weight"}, {"model.norm.weight", "output_norm.weight"}, {"model.layers.", "blk."},
            {"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}, {"self_attn.q_norm", "attn_q_norm"},
            {"self_attn.k_norm", "attn_k_norm"}, {"self_attn.q_proj", "attn_q"}, {"self_attn.k_proj", "attn_k"}, {"self_attn.v_proj", "attn_v"},
            {"self_attn.o_proj", "attn_output"}, {"mlp.gate_proj", "ffn_gate"}, {"mlp.up_proj", "ffn_up"}, {"mlp.down_proj", "ffn_down"}};
        String result = name;
        for (String[] rename : renames) result = result.replace(rename[0], rename[1]);
        return result;
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
