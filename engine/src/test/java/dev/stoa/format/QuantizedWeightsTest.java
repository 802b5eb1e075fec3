// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Packed modules as MLX writes them (tools/golden/mlx_quant.py), and everything that can disagree in them.
class QuantizedWeightsTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/mlx");
    @TempDir Path dir;
    private final Scope scope = new Ledger().scope("test");

    @AfterEach
    void close() {
        scope.close();
    }

    private static ObjectNode config() throws IOException {
        return (ObjectNode) Json.readObject(GOLDEN.resolve("config.json"), 1 << 20, EngineFault.CONFIG_INVALID);
    }

    private Weights view(JsonNode config, Consumer<Map<String, Tensor>> change) throws IOException {
        Safetensors file = Safetensors.open(GOLDEN.resolve("packed.safetensors"), scope);
        Map<String, Tensor> tensors = new HashMap<>();
        for (String name : file.names()) tensors.put(name, file.find(name));
        change.accept(tensors);
        return QuantizedWeights.of(new MapWeights(tensors), QuantConfig.read(dir, config), Map.of(), dir);
    }

    @Test
    void decodesEveryModuleAsMlxDoes() throws IOException {
        Weights view = view(config(), tensors -> {});
        Safetensors expected = Safetensors.open(GOLDEN.resolve("expected.safetensors"), scope);
        assertThat(view.names()).isEqualTo(expected.names());
        for (String name : expected.names()) {
            Tensor matrix = view.find(name);
            assertThat(matrix.shape()).as(name).isEqualTo(expected.find(name).shape());
            float[] values = Quant.decode(matrix);
            float[] truth = expected.find(name).toArray();
            if (!name.startsWith("half")) assertThat(values).as(name).isEqualTo(truth);
            else for (int i = 0; i < truth.length; i++) assertThat(values[i]).isCloseTo(truth[i], within(0x1p-8f)); // rounded to bfloat16 there
            float[] row = new float[matrix.cols()];
            Quant.decodeRow(matrix.slice(1, matrix.rows()), 0, row, 0);
            for (int c = 0; c < row.length; c++) assertThat(row[c]).isEqualTo(values[row.length + c]);
        }
        assertThat(scope.bytes()).as("nothing is copied").isZero();
        assertThat(view.find("affine.3.32.weight").describe()).isEqualTo("affine 3 bits, groups of 32 [3, 128]");
    }

    @Test
    void namesEveryModuleThatDisagreesAtOnce() throws IOException {
        ObjectNode config = config();
        ObjectNode block = (ObjectNode) config.get("quantization");
        ((ObjectNode) block.get("affine.8.64")).put("bits", 4);
        ((ObjectNode) block.get("affine.2.32")).put("group_size", 128);
        ((ObjectNode) block.get("affine.5.64")).remove("group_size");
        ((ObjectNode) block.get("mxfp4")).put("mode", "q4_0");
        ((ObjectNode) block.get("nvfp4")).put("mode", "mxfp4");
        block.put("experts", false);
        assertThatThrownBy(() -> view(config, tensors -> {
            tensors.remove("affine.6.64.biases");
            tensors.put("stray.biases", tensors.get("affine.6.32.biases"));
            tensors.put("affine.3.64.scales", tensors.get("affine.3.32.scales"));
        })).isInstanceOfSatisfying(FaultException.class, e -> {
            assertThat(e.fault().code()).isEqualTo(EngineFault.QUANT_CONFLICT);
            assertThat(e.fault().issues()).anyMatch(i -> i.startsWith("affine.8.64: 8 bits in the file, 4 in the config"))
                    .anyMatch(i -> i.startsWith("affine.2.32: 8 words and 4 groups of 128 columns make 0.500 bits"))
                    .anyMatch(i -> i.startsWith("affine.5.64: the quantization block gives no group_size"))
                    .anyMatch(i -> i.startsWith("mxfp4: mode \"q4_0\", expected one of [affine, jang, mxfp4, mxfp8, nvfp4"))
                    .anyMatch(i -> i.startsWith("nvfp4: the tensors are those of nvfp4, the config says mxfp4"))
                    .anyMatch(i -> i.startsWith("experts: scales, but the config declares the module as not quantized"))
                    .anyMatch(i -> i.startsWith("affine.6.64: the tensors are those of"))
                    .anyMatch(i -> i.startsWith("stray.biases: biases without scales"))
                    .anyMatch(i -> i.startsWith("affine.3.64: scales F32[3, 4] and biases F32[3, 2]"))
                    .hasSize(9);
        });
    }

    @Test
    void refusesScalesWithoutADeclarationAndForeignMethods() throws IOException {
        ObjectNode config = config();
        config.remove("quantization");
        config.remove("quantization_config");
        assertThatThrownBy(() -> view(config, tensors -> {})).hasMessageContaining("nvfp4: scales, but the config has no quantization block");
        config.putObject("quantization_config").put("quant_method", "gptq");
        assertThatThrownBy(() -> view(config, tensors -> {})).hasMessageContaining("gptq").hasMessageContaining("convert the model first");
    }

    @Test
    void aFormatOfATestRegistersItself() throws IOException {
        ObjectNode config = config();
        ((ObjectNode) config.get("quantization")).putObject("mxfp4").put("mode", "ones");
        Weights view = view(config, tensors -> {});
        assertThat(Quant.decode(view.find("mxfp4.weight"))).hasSize(6).containsOnly(1);
    }

    @Test
    void jangStreamsOfEveryWidthOnRaggedShapes() throws IOException {
        for (int bits = 1; bits <= 8; bits++) {
            Files.writeString(dir.resolve("jang_config.json"), """
                    {"version": 1, "weight_format": "affine", "profile": "JANG_2M", "group_size": 5, "bits_default": 3, "attention": %d}
                    """.formatted(bits));
            int n = 3 * 7;
            byte[] stream = new byte[(n * bits + 7) / 8];
            float[] expected = new float[n];
            float[] scales = {.5f, 1, 2, -1, .25f};
            float[] biases = {0, 1, -2, 3, 4};
            for (int i = 0; i < n; i++) {
                int q = (i * 37 + 11) & (1 << bits) - 1;
                for (int b = 0; b < bits; b++) stream[(i * bits + b) / 8] |= (byte) ((q >> b & 1) << (i * bits + b) % 8);
                expected[i] = scales[i / 5] * q + biases[i / 5];
            }
            Map<String, Tensor> tensors = Map.of("l.self_attn.q.weight", new Tensor(MemorySegment.ofArray(stream), DType.U8, stream.length),
                    "l.self_attn.q.scales", Tensor.of(scales, 5), "l.self_attn.q.biases", Tensor.of(biases, 5));
            QuantConfig config = QuantConfig.read(dir, Json.parse("{}", "config", EngineFault.CONFIG_INVALID));
            Weights view = QuantizedWeights.of(new MapWeights(tensors), config, Map.of("l.self_attn.q.weight", new long[] {3, 7}), dir);
            assertThat(Quant.decode(view.find("l.self_attn.q.weight"))).isEqualTo(expected);
            assertThatThrownBy(() -> QuantizedWeights.of(new MapWeights(tensors), config, Map.of(), dir)).hasMessageContaining("says no shape");
            assertThatThrownBy(() -> QuantizedWeights.of(new MapWeights(tensors), config, Map.of("l.self_attn.q.weight", new long[] {4, 8}), dir))
                    .hasMessageContaining("bytes and 5 groups, expected");
        }
    }

    @Test
    void codebooksOfEveryIndexWidth() throws IOException {
        for (int bits : new int[] {4, 8, 12, 16}) {
            Files.writeString(dir.resolve("codebook_config.json"), """
                    {"type": "codebook", "format": "vq", "codebook_size": 9, "code_dim": 2, "index_bits": %d, "tensors": [
                     {"name": "m.weight", "shape": [3, 6], "index_tensor": "m.index", "codebook_tensor": "m.book"}]}""".formatted(bits));
            byte[] stream = new byte[(9 * bits + 7) / 8];
            float[] book = new float[18];
            for (int i = 0; i < 18; i++) book[i] = i * 0.5f - 3;
            float[] expected = new float[18];
            for (int i = 0; i < 9; i++) {
                int index = 8 - i;
                for (int b = 0; b < bits; b++) stream[(i * bits + b) / 8] |= (byte) ((index >> b & 1) << (i * bits + b) % 8);
                expected[2 * i] = book[2 * index];
                expected[2 * i + 1] = book[2 * index + 1];
            }
            Map<String, Tensor> tensors = new HashMap<>(Map.of("m.index", new Tensor(MemorySegment.ofArray(stream), DType.U8, stream.length),
                    "m.book", Tensor.of(book, 9, 2)));
            QuantConfig config = QuantConfig.read(dir, Json.parse("{}", "config", EngineFault.CONFIG_INVALID));
            Weights view = QuantizedWeights.of(new MapWeights(tensors), config, Map.of(), dir);
            assertThat(view.names()).containsExactly("m.weight");
            assertThat(Quant.decode(view.find("m.weight"))).isEqualTo(expected);
            tensors.put("m.book", Tensor.of(new float[16], 8, 2));
            assertThatThrownBy(() -> QuantizedWeights.of(new MapWeights(tensors), config, Map.of(), dir))
                    .hasMessageContaining("index 0 is 8, the codebook has 8 vectors");
            tensors.put("m.scales", Tensor.of(book, 9, 2));
            assertThatThrownBy(() -> QuantizedWeights.of(new MapWeights(tensors), config, Map.of(), dir))
                    .hasMessageContaining("claimed by codebook_config.json and by scales");
        }
    }
}
