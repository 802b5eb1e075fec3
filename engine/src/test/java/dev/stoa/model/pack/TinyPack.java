// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.FaultException;
import dev.stoa.format.FileDigests;
import dev.stoa.format.PackManifest;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TinyModels;
import dev.stoa.tensor.Tensor;
import dev.stoa.token.BpeTrainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A complete small model directory with its manifest, for tests to damage.
public final class TinyPack {
    static final String DENSE = """
            {"model_type":"qwen3","vocab_size":290,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,
             "num_attention_heads":4,"num_key_value_heads":2,"head_dim":8,"max_position_embeddings":256,"rms_norm_eps":1e-6,
             "rope_theta":10000.0,"tie_word_embeddings":true,"eos_token_id":1}""";
    static final String MIXTURE = DENSE.replace("\"qwen3\"", "\"qwen3_moe\"").replace("\"head_dim\":8",
            "\"head_dim\":8,\"num_experts\":4,\"num_experts_per_tok\":2,\"moe_intermediate_size\":16");

    private TinyPack() {}

    public static Path write(Path directory, String config) throws IOException {
        Files.createDirectories(directory);
        SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors(config), Map.of());
        Files.writeString(directory.resolve("config.json"), config);
        Files.writeString(directory.resolve("tokenizer.json"), BpeTrainer.train(List.of("the answer is the end of the text, is it not?"), 280, List.of("<bos>", "<end>")));
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\":\"<end>\"}");
        Files.writeString(directory.resolve("chat_template.jinja"), "{% for m in messages %}{{ m.content }}{% endfor %}");
        record(directory);
        return directory;
    }

    public static Path write(Path directory) throws IOException {
        return write(directory, DENSE);
    }

    /// Writes the manifest again, where the files still allow one.
    static void recordAgain(Path directory) throws IOException {
        try {
            record(directory);
        } catch (FaultException refused) {
            assert !Files.exists(directory.resolve(PackManifest.NAME));
        }
    }

    static void record(Path directory) throws IOException {
        Files.deleteIfExists(directory.resolve(PackManifest.NAME));
        PackManifest.of(directory, new FileDigests(), Map.of()).write(directory);
    }

    static Map<String, Tensor> tensors(String config) {
        ModelSpec spec = TinyModels.spec(config);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        TinyModels.tensors(spec, 5).forEach((name, tensor) -> tensors.put("model." + name, tensor));
        return tensors;
    }
}
