// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufQuantizerTest {
    @TempDir Path dir;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    @BeforeEach
    void write() throws IOException {
        Random random = new Random(1);
        for (Object[] item : new Object[][] {{"token_embd.weight", 6, 256}, {"blk.0.attn_norm.weight", 256}, {"blk.0.attn_q.weight", 4, 256},
            {"blk.0.ffn_down.weight", 4, 96}, {"blk.0.ffn_up.weight", 4, 20}, {"blk.0.ffn_gate_inp.weight", 4, 256}, {"blk.0.attn_q.bias", 256}}) {
            long[] shape = new long[item.length - 1];
            for (int i = 0; i < shape.length; i++) shape[i] = (Integer) item[i + 1];
            float[] values = new float[(int) Tensor.elements(shape)];
            for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
            tensors.put((String) item[0], Tensor.of(values, shape));
        }
        GgufWriter.write(dir.resolve("in.gguf"), Map.of("general.architecture", GgufValue.text("llama"), "tokenizer.ggml.model", GgufValue.text("gpt2")),
                tensors.entrySet().stream().map(item -> TensorItem.copy(item.getKey(), item.getValue())).toList());
    }

    @Test
    void everyTensorGetsTheFormatOfThePlanAndTheSourceIsRecorded() throws IOException {
        List<GgufQuantizer.Change> changes = GgufQuantizer.quantize(dir.resolve("in.gguf"), dir.resolve("out.gguf"), TensorPolicy.of(DType.Q4_K));
        assertThat(changes.stream().collect(Collectors.toMap(GgufQuantizer.Change::name, GgufQuantizer.Change::to))).containsExactlyInAnyOrderEntriesOf(Map.of(
                "token_embd.weight", DType.Q6_K, "blk.0.attn_norm.weight", DType.F32, "blk.0.attn_q.weight", DType.Q4_K,
                "blk.0.ffn_down.weight", DType.Q8_0, "blk.0.ffn_up.weight", DType.F16, "blk.0.ffn_gate_inp.weight", DType.F32, "blk.0.attn_q.bias", DType.F32));
        try (Scope scope = new Ledger().scope("test")) {
            Gguf out = Gguf.open(dir.resolve("out.gguf"), scope);
            Gguf in = Gguf.open(dir.resolve("in.gguf"), scope);
            assertThat(out.order()).isEqualTo(in.order());
            for (GgufQuantizer.Change change : changes) {
                Tensor expected = Quant.encode(tensors.get(change.name()).toArray(), change.to(), scope, tensors.get(change.name()).shape());
                assertThat(out.find(change.name()).data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected.data().toArray(ValueLayout.JAVA_BYTE));
            }
            assertThat(out.metadata().text("stoa.origin.model_hash")).isEqualTo(in.modelHash());
            assertThat(out.metadata().text("stoa.origin.tokenizer_hash")).isEqualTo(out.tokenizerHash());
            assertThat(out.metadata().integer("general.file_type")).isEqualTo(14);
        }
    }

    @Test
    void refusesFormatsThatAreOnlyRead() {
        assertThatThrownBy(() -> GgufQuantizer.quantize(dir.resolve("in.gguf"), dir.resolve("out.gguf"), TensorPolicy.pure(DType.Q5_0)))
                .hasMessageContaining("blk.0.attn_q.weight: Q5_0 is only read");
        assertThat(dir.resolve("out.gguf")).doesNotExist();
    }
}
