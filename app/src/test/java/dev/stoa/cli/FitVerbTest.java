// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `stoa fit` in this process: a model with weights, and a published config without.
class FitVerbTest {
    @TempDir
    Path folder;

    @Test
    void fitsFirstThenTheLargest() throws IOException {
        String tiny = TinyDirectory.write(folder.resolve("tiny")).toString();
        Path large = Files.createDirectory(folder.resolve("large"));
        Files.writeString(large.resolve("config.json"), """
                {"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
                 "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 32768, "tie_word_embeddings": false}""");
        Shell.Result both = new Shell().run("fit", tiny, large.toString(), "--memory", "24g", "--context", "32768", "--train", "--rank", "8", "--targets",
                "q_proj,v_proj,o_proj,gate_proj,down_proj", "--json");
        assertThat(both.exit()).as(both.err()).isZero();
        JsonNode models = JsonMapper.shared().readTree(both.out()).get("data").get("models");
        assertThat(models.get(0).get("params").asLong()).isEqualTo(7_615_616_512L);
        assertThat(models.get(0).get("kv").asLong()).isEqualTo(57_344L * 32768);
        assertThat(models.get(0).get("lora_params").asLong()).isEqualTo(14_221_312L);
        assertThat(models.get(0).get("fits").asBoolean()).isTrue();
        assertThat(models.get(0).get("full_fits").asBoolean()).isFalse();
        Shell.Result less = new Shell().run("fit", tiny, large.toString(), "--memory", "8g");
        assertThat(less.exit()).isZero();
        assertThat(less.out().indexOf("tiny")).isLessThan(less.out().indexOf("large"));
        assertThat(new Shell().run("fit", large.toString(), "--memory", "8g").exit()).isEqualTo(1);
        assertThat(new Shell().run("fit", large.toString(), "--memory", "8g", "--bits", "4", "--group", "64").exit()).isZero();
    }

    @Test
    void refusesWhatIsNoSizeOrModel() {
        assertThat(new Shell().run("fit", folder.toString(), "--memory", "lots").exit()).isEqualTo(2);
        assertThat(new Shell().run("fit", folder.toString(), "--kv", "q2").err()).contains("k-q8-v-q4");
        assertThat(new Shell().run("fit", folder.resolve("none").toString()).err()).contains("error[");
    }
}
