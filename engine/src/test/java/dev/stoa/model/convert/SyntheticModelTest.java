// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.format.Gguf;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.token.GgufTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyntheticModelTest {
    private static final String CONFIG = """
            {"model_type": "qwen3", "hidden_size": 256, "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
             "intermediate_size": 512, "vocab_size": 300, "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "rope_theta": 10000,
             "tie_word_embeddings": %s, "hidden_act": "silu"}""";
    @TempDir
    Path folder;

    private Path write(String quant, boolean tied, boolean pure, long seed) throws IOException {
        Path config = Files.writeString(folder.resolve("config.json"), CONFIG.formatted(tied));
        Path out = folder.resolve(quant + tied + pure + seed + ".gguf");
        SyntheticModel.Result result = SyntheticModel.write(config, out, quant, pure, seed);
        assertThat(result.parameters()).isGreaterThan(3_000_000);
        return out;
    }

    @Test
    void ownReadersLoadItAndWeightsAreAsWideAsTrainedOnes() throws IOException {
        Path file = write("Q4_0", true, false, 1);
        try (Scope scope = new Ledger().scope("synth"); Kernels kernels = KernelProvider.open("scalar", 1)) {
            Gguf gguf = Gguf.open(file, scope);
            assertThat(GgufTokenizer.parse(gguf.metadata()).encode("the", false)).hasSize(2);
            assertThat(Model.load(gguf, kernels, scope).spec().vocab()).isEqualTo(300);
            float[] values = Quant.decode(gguf.find("blk.3.ffn_down.weight"));
            double squares = 0;
            for (float value : values) squares += value * value;
            assertThat(squares / values.length).isBetween(0.9 / 512, 1.1 / 512);
            float[] norm = Quant.decode(gguf.find("blk.3.attn_norm.weight"));
            assertThat(norm).doesNotContain(0f);
        }
    }

    @Test
    void typesAreThoseOfTheCommonQuantizer() throws IOException {
        try (Scope scope = new Ledger().scope("synth")) {
            Gguf tied = Gguf.open(write("Q4_0", true, false, 1), scope);
            assertThat(tied.find("token_embd.weight").dtype()).isEqualTo(DType.Q6_K);
            assertThat(tied.find("blk.0.attn_v.weight").dtype()).isEqualTo(DType.Q4_0);
            Gguf apart = Gguf.open(write("Q4_0", false, false, 1), scope);
            assertThat(apart.find("token_embd.weight").dtype()).isEqualTo(DType.Q4_0);
            assertThat(apart.find("output.weight").dtype()).isEqualTo(DType.Q6_K);
            Gguf mixed = Gguf.open(write("Q4_K_M", true, false, 1), scope);
            String better = "";
            for (int i = 0; i < 8; i++) if (mixed.find("blk." + i + ".ffn_down.weight").dtype() == DType.Q6_K) better += i;
            assertThat(better).isEqualTo("0367");
            assertThat(mixed.find("blk.0.attn_q.weight").dtype()).isEqualTo(DType.Q4_K);
            Gguf pure = Gguf.open(write("Q4_0", true, true, 1), scope);
            assertThat(pure.find("token_embd.weight").dtype()).isEqualTo(DType.Q4_0);
        }
    }

    @Test
    void theSeedDecidesTheBytes() throws IOException {
        byte[] one = Files.readAllBytes(write("Q8_0", true, false, 1));
        byte[] two = Files.readAllBytes(write("Q8_0", true, false, 2));
        Files.delete(folder.resolve("Q8_0truefalse1.gguf"));
        assertThat(Files.readAllBytes(write("Q8_0", true, false, 1))).isEqualTo(one);
        assertThat(two).isNotEqualTo(one);
    }

    @Test
    void whatCannotBeWrittenIsRefused() {
        assertThatThrownBy(() -> write("Q5_0", true, false, 1)).isInstanceOf(FaultException.class).hasMessageContaining("not written in this format");
        assertThatThrownBy(() -> {
            write("Q4_0", true, false, 1);
            write("Q4_0", true, false, 1);
        }).isInstanceOf(FaultException.class).hasMessageContaining("already exists");
    }
}
