// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.quant.MlxEncoder;
import dev.stoa.quant.Quant;
import dev.stoa.quant.QuantSpec;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.assertj.core.groups.Tuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

class MlxQuantizerTest {
    @TempDir Path dir;

    private static float[] matrix() {
        Random random = new Random(11);
        float[] values = new float[8 * 128]; // half of it uniform in [-0.6, 0.7), half a bell with tails
        for (int i = 0; i < values.length; i++) {
            values[i] = i < values.length / 2 ? random.nextFloat() * 1.3f - 0.6f : (float) Math.clamp(random.nextGaussian() * 0.2, -0.6, 0.7);
        }
        return values;
    }

    /// Squared error per value against the formats' own naive encoders (range for affine, max for the others).
    @ParameterizedTest
    @CsvSource({"affine, 2, 32", "affine, 3, 64", "affine, 4, 64", "affine, 5, 128", "affine, 6, 64", "affine, 8, 32", "mxfp4, 4, 32", "nvfp4, 4, 16"})
    void searchedScalesBeatTheNaiveOnes(String mode, int bits, int group) {
        float[] values = matrix();
        MlxEncoder encoder = MlxEncoder.of(new QuantSpec(mode, bits, group), DType.F32);
        int cols = 128;
        double error = 0;
        double naive = 0;
        double worst = 0;
        for (int row = 0; row < 8; row++) {
            byte[] words = new byte[(int) encoder.wordBytes(cols)];
            byte[] scales = new byte[(int) encoder.scaleBytes(cols)];
            byte[] biases = new byte[encoder.affine() ? scales.length : 0];
            encoder.row(values, row * cols, cols, MemorySegment.ofArray(words), MemorySegment.ofArray(scales), encoder.affine() ? MemorySegment.ofArray(biases) : null);
            float[] decoded = decode(mode, bits, group, words, scales, biases);
            for (int c = 0; c < cols; c++) {
                double difference = decoded[c] - values[row * cols + c];
                error += difference * difference;
                worst = Math.max(worst, Math.abs(difference));
            }
            for (int g = 0; g < cols / group; g++) naive += naive(values, row * cols + g * group, group, mode, bits);
        }
        assertThat(error).isLessThan(naive);
        if (mode.equals("affine") && bits == 4) assertThat(worst).isLessThan(0.075);
    }

    private static float[] decode(String mode, int bits, int group, byte[] words, byte[] scales, byte[] biases) {
        Map<String, Tensor> tensors = new TreeMap<>(Map.of("m.weight", new Tensor(MemorySegment.ofArray(words), DType.U32, 1, words.length / 4),
                "m.scales", new Tensor(MemorySegment.ofArray(scales), biases.length > 0 ? DType.F32 : DType.U8, 1, scales.length / (biases.length > 0 ? 4 : 1))));
        if (biases.length > 0) tensors.put("m.biases", new Tensor(MemorySegment.ofArray(biases), DType.F32, 1, biases.length / 4));
        QuantConfig config = new QuantConfig(true, new QuantSpec(mode, bits, group), Map.of(), Set.of(), List.of(), null);
        return Quant.decode(QuantizedWeights.of(new MapWeights(tensors), config, Map.of(), Path.of("test")).find("m.weight"));
    }

    /// Half of the steps in the middle of nowhere: the rounding that range and maximum give without a search.
    private static double naive(float[] x, int from, int count, String mode, int bits) {
        float low = Float.POSITIVE_INFINITY, high = Float.NEGATIVE_INFINITY, largest = 0;
        for (int i = from; i < from + count; i++) {
            low = Math.min(low, x[i]);
            high = Math.max(high, x[i]);
            largest = Math.max(largest, Math.abs(x[i]));
        }
        double error = 0;
        for (int i = from; i < from + count; i++) {
            double value;
            if (mode.equals("affine")) {
                double step = (high - low) / ((1 << bits) - 1);
                value = low + step * Math.rint((x[i] - low) / step);
            } else {
                double scale = mode.equals("mxfp4") ? Math.pow(2, Math.floor(Math.log(largest) / Math.log(2)) - 2) : largest / 6;
                if (mode.equals("nvfp4")) scale = Math.scalb(Math.rint(Math.scalb(scale, 3 - Math.getExponent(scale))), Math.getExponent(scale) - 3);
                value = 0;
                for (double level : new double[] {0, .5, 1, 1.5, 2, 3, 4, 6, -.5, -1, -1.5, -2, -3, -4, -6}) {
                    if (Math.abs(level * scale - x[i]) < Math.abs(value - x[i])) value = level * scale;
                }
            }
            error += (value - x[i]) * (value - x[i]);
        }
        return error;
    }

    @Test
    void writesADirectoryThatReadsBackAsPlanned() throws IOException {
        Path source = Files.createDirectory(dir.resolve("in"));
        float[] values = matrix();
        SafetensorsWriter.write(source.resolve("model.safetensors"), Map.of("model.a.weight", Tensor.of(values, 8, 128),
                "model.b.weight", Tensor.of(values, 8, 128), "model.norm.weight", Tensor.of(new float[] {1, 2}, 2),
                "model.ragged.weight", Tensor.of(new float[60], 2, 30)), Map.of());
        Files.writeString(source.resolve("config.json"), "{\"model_type\": \"test\"}");
        Files.writeString(source.resolve("generation_config.json"), "{}");
        QuantSpec common = new QuantSpec("affine", 4, 64);
        QuantSpec other = new QuantSpec("affine", 8, 32);
        List<MlxQuantizer.Change> changes = MlxQuantizer.quantize(source, dir.resolve("out"), common, module -> module.endsWith("b") ? other : common);
        assertThat(changes).extracting(MlxQuantizer.Change::name, MlxQuantizer.Change::spec).containsExactly(
                Tuple.tuple("model.a.weight", common), Tuple.tuple("model.b.weight", other),
                Tuple.tuple("model.norm.weight", null), Tuple.tuple("model.ragged.weight", null));
        assertThat(changes.getLast().reason()).contains("do not fill groups of 64");
        try (Scope scope = new Ledger().scope("test")) {
            ModelDirectory in = ModelDirectory.openWithoutTokenizer(source, scope);
            ModelDirectory out = ModelDirectory.openWithoutTokenizer(dir.resolve("out"), scope);
            Weights weights = out.weights();
            assertThat(weights.names()).isEqualTo(in.weights().names());
            assertThat(weights.find("model.a.weight").describe()).isEqualTo("affine 4 bits, groups of 64 [8, 128]");
            assertThat(weights.find("model.b.weight").describe()).isEqualTo("affine 8 bits, groups of 32 [8, 128]");
            float[] decoded = Quant.decode(weights.find("model.b.weight"));
            for (int i = 0; i < values.length; i++) assertThat(Math.abs(decoded[i] - values[i])).isLessThan(0.004f);
            JsonNode manifest = Json.readObject(dir.resolve("out/stoa-manifest.json"), 1 << 20, EngineFault.CONFIG_INVALID);
            assertThat(manifest.get("model_hash").stringValue()).isEqualTo(out.modelHash());
            assertThat(manifest.get("origin").get(0).get("model_hash").stringValue()).isEqualTo(in.modelHash());
        }
        assertThat(dir.resolve("out/generation_config.json")).exists();
        assertThatThrownBy(() -> MlxQuantizer.quantize(source, dir.resolve("out"), common, module -> common)).hasMessageContaining("already exists");
        assertThatThrownBy(() -> MlxEncoder.of(new QuantSpec("affine", 7, 64), DType.F32)).hasMessageContaining("affine, 7 bits");
    }
}
