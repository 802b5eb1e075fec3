// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.format.Gguf;
import dev.stoa.format.GgufQuantizer;
import dev.stoa.format.GgufValue;
import dev.stoa.format.GgufWriter;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.ModelFiles;
import dev.stoa.format.PackManifest;
import dev.stoa.format.TensorItem;
import dev.stoa.format.TensorPolicy;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Copies that other tools and our own made are found to be copies; every way in which one could be wrong is found too.
class CopyCheckTest {
    private static final Path FAMILIES = Path.of("src/test/resources/golden/families");
    private static final Path LAYOUTS = Path.of("src/test/resources/golden/layouts");

    @TempDir
    Path folder;

    @Test
    void filesOfOtherToolsAreCopies() throws IOException {
        for (String name : List.of("llama", "qwen3_5", "qwen3_5_moe", "minimax_m2-v4", "bert", "gemma4-moe-v4")) {
            try (var files = Files.list(LAYOUTS.resolve(name))) {
                for (Path copy : files.filter(path -> path.toString().endsWith(".gguf") || Files.isDirectory(path)).sorted().toList()) {
                    CopyCheck.Result result = CopyCheck.of(copy, FAMILIES.resolve(name), false);
                    assertThat(result.problems()).as("%s", copy).isEmpty();
                    assertThat(result.recorded()).isNull();
                    assertThat(result.exact()).as("%s", copy).isGreaterThan(result.tensors() / 2);
                }
            }
        }
    }

    @Test
    void quantizedCopiesAreCopiesAndTheirOriginIsRecorded() throws IOException {
        Path source = FAMILIES.resolve("llama");
        Path floats = folder.resolve("f32.gguf");
        ModelConversion.convert(source, floats, ModelConversion.Target.GGUF, DType.F32, false);
        // As another tool would write it: without a word of where it is from.
        for (DType type : List.of(DType.Q8_0, DType.Q4_0, DType.BF16)) {
            Path directory = Files.createDirectory(folder.resolve(type.name()));
            GgufQuantizer.quantize(floats, directory.resolve("own.gguf"), TensorPolicy.pure(type));
            Path copy = directory.resolve("copy.gguf");
            rewrite(directory.resolve("own.gguf"), copy, Map.of(), UnaryOperator.identity());
            Files.delete(directory.resolve("own.gguf"));
            try (Scope scope = new Ledger().scope("test")) {
                ModelFiles original = ModelFiles.openWithoutTokenizer(source, scope);
                Gguf before = Gguf.open(copy, scope);
                assertThat(before.origins(before.modelHash())).isEmpty();
                CopyCheck.Result result = CopyCheck.of(copy, source, true);
                assertThat(result.problems()).isEmpty();
                // The model is one of BF16.
                assertThat(result.error()).isBetween(type == DType.BF16 ? 0 : 1e-3, type == DType.BF16 ? 0 : 0.2);
                assertThat(result.recorded()).isEqualTo(directory.toAbsolutePath().resolve(PackManifest.NAME));
                Gguf after = Gguf.open(copy, scope);
                after.requireManifest();
                assertThat(after.origins(after.modelHash())).containsExactly(original.modelHash());
                assertThat(CopyCheck.of(copy, source, true).recorded()).as("said already").isNull();
            }
        }
        try (Scope scope = new Ledger().scope("test")) {
            // The chain goes on, and a file that changed later is refused.
            Path mlx = folder.resolve("mlx");
            ModelConversion.convert(folder.resolve("Q8_0/copy.gguf"), mlx, ModelConversion.Target.MLX, null, false);
            ModelDirectory directory = ModelDirectory.openWithoutTokenizer(mlx, scope);
            assertThat(directory.origins(directory.modelHash())).hasSize(2);
            Path changed = folder.resolve("Q8_0/copy.gguf");
            byte[] bytes = Files.readAllBytes(changed);
            bytes[bytes.length - 40] ^= 1;
            Files.write(changed, bytes);
            assertThatThrownBy(() -> CopyCheck.of(changed, source, true)).isInstanceOf(FaultException.class).hasMessageContaining("manifest");
        }
    }

    @Test
    void directoriesKeepTheirManifest() throws IOException {
        Path source = FAMILIES.resolve("llama");
        Path copy = folder.resolve("copy");
        ModelConversion.convert(source, copy, ModelConversion.Target.SAFETENSORS, DType.BF16, false);
        Files.delete(copy.resolve(PackManifest.NAME));
        try (Scope scope = new Ledger().scope("test")) {
            CopyCheck.Result result = CopyCheck.of(copy, source, true);
            assertThat(result.problems()).isEmpty();
            ModelDirectory after = ModelDirectory.openWithoutTokenizer(copy, scope);
            assertThat(after.origins(after.modelHash())).containsExactly(ModelFiles.openWithoutTokenizer(source, scope).modelHash());
            assertThat(PackManifest.read(copy).files()).extracting(PackManifest.Item::path).contains("config.json", "model.safetensors");
        }
    }

    @Test
    void anythingElseIsNoCopy() throws IOException {
        for (String[] mutant : new String[][] {{"llama", "blk.1.attn_q.weight", "rows"}, {"llama", "blk.0.ffn_down.weight", "value"},
            {"llama", "blk.1.ffn_norm.weight", "added"}, {"llama", "token_embd.weight", "rows"}, {"qwen3_5", "blk.1.ssm_a", "sign"}, {"qwen3_5", "blk.1.ssm_conv1d.weight", "rows"},
            {"qwen3_5", "blk.1.attn_norm.weight", "added"}}) {
            Path right = folder.resolve(mutant[0] + ".gguf");
            if (!Files.exists(right)) ModelConversion.convert(FAMILIES.resolve(mutant[0]), right, ModelConversion.Target.GGUF, DType.F32, false);
            Path wrong = folder.resolve(mutant[1] + mutant[2] + ".gguf");
            rewrite(right, wrong, Map.of(), tensor -> tensor);
            assertThat(CopyCheck.of(wrong, FAMILIES.resolve(mutant[0]), false).problems()).isEmpty();
            Files.delete(wrong);
            rewriteOne(right, wrong, mutant[1], tensor -> changed(tensor, mutant[2]));
            List<String> problems = CopyCheck.of(wrong, FAMILIES.resolve(mutant[0]), true).problems();
            assertThat(problems).as(mutant[1]).hasSize(1);
            assertThat(problems.getFirst()).contains("got ").contains("expected ");
            assertThat(folder.resolve(PackManifest.NAME)).doesNotExist();
        }
        Path theta = folder.resolve("theta.gguf");
        rewrite(folder.resolve("llama.gguf"), theta, Map.of("llama.rope.freq_base", GgufValue.f32(12345)), UnaryOperator.identity());
        assertThat(CopyCheck.of(theta, FAMILIES.resolve("llama"), true).problems()).isNotEmpty().allMatch(problem -> problem.contains("frequency"));
        assertThat(CopyCheck.of(FAMILIES.resolve("qwen3_5"), FAMILIES.resolve("llama"), true).problems()).hasSizeGreaterThan(3);
    }

    private static Tensor changed(Tensor tensor, String how) {
        float[] values = Quant.decode(tensor);
        int cols = tensor.cols();
        switch (how) {
            case "rows" -> {
                for (int c = 0; c < cols; c++) {
                    float first = values[c];
                    values[c] = values[cols + c];
                    values[cols + c] = first;
                }
            }
            case "value" -> values[values.length - 1] += 1e-6f * Math.max(1, Math.abs(values[values.length - 1]));
            case "added" -> {
                for (int i = 0; i < values.length; i++) values[i] -= 1;
            }
            default -> {
                for (int i = 0; i < values.length; i++) values[i] = -values[i] * 2;
            }
        }
        return Tensor.of(values, tensor.shape());
    }

    private static void rewriteOne(Path from, Path to, String name, UnaryOperator<Tensor> change) throws IOException {
        try (Scope scope = new Ledger().scope("rewrite")) {
            Gguf file = Gguf.open(from, scope);
            List<TensorItem> items = new ArrayList<>();
            for (String one : file.order()) items.add(TensorItem.copy(one, one.equals(name) ? change.apply(file.find(one)) : file.find(one)));
            GgufWriter.write(to, pairs(file), items);
        }
    }

    private static void rewrite(Path from, Path to, Map<String, GgufValue> more, UnaryOperator<Tensor> change) throws IOException {
        try (Scope scope = new Ledger().scope("rewrite")) {
            Gguf file = Gguf.open(from, scope);
            Map<String, GgufValue> pairs = pairs(file);
            pairs.putAll(more);
            List<TensorItem> items = new ArrayList<>();
            for (String one : file.order()) items.add(TensorItem.copy(one, change.apply(file.find(one))));
            GgufWriter.write(to, pairs, items);
        }
    }

    /// The metadata without what says where the file is from.
    private static Map<String, GgufValue> pairs(Gguf file) {
        Map<String, GgufValue> pairs = new LinkedHashMap<>();
        for (String key : file.metadata().keys()) if (!key.startsWith("stoa.")) pairs.put(key, file.metadata().get(key));
        return pairs;
    }
}
