// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.FaultException;
import dev.stoa.adapter.PeftReader.MoeOrientation;
import dev.stoa.format.Gguf;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.format.Weights;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Adapters of mlx-lm and llama.cpp's converter (tools/golden/adapter_dialects.py), and round trips between all dialects.
class DialectsGoldenTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/adapter");
    private final Scope scope = new Ledger().scope("test");

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        scope.close();
    }

    private Weights open(String name, String file) throws IOException {
        return Safetensors.open(GOLDEN.resolve(name).resolve(file), scope);
    }

    private double error(String name, Path directory) throws IOException {
        Weights base = open(name, "base.safetensors");
        Adapter adapter = AdapterFiles.read(directory, AdapterEffect.base(base), null, scope);
        return AdapterEffect.error(new AdapterEffect(base).apply(adapter), base, open(name, "expected.safetensors"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"mlx-lora", "mlx-dora", "mlx-experts"})
    void mlxAdaptersGiveTheWeightsOfMlxsFuse(String name) throws IOException {
        assertThat(error(name, GOLDEN.resolve(name))).isLessThan(2e-6);
    }

    @Test
    void goMlxDirectoriesDivideAlphaByRank() throws IOException {
        Files.copy(GOLDEN.resolve("mlx-lora/adapters.safetensors"), folder.resolve("adapter.safetensors"));
        Files.writeString(folder.resolve("adapter_config.json"), "{\"rank\": 2, \"alpha\": 7}");
        assertThat(error("mlx-lora", folder)).isLessThan(1e-6);
    }

    /// Scale read as alpha, a forgotten scale, a key too many, contradictions: seen or refused.
    @Test
    void mlxMutantsAreSeen() throws IOException {
        for (String[] change : new String[][] {{"\"scale\": 3.5", "\"scale\": 1.75"}, {"\"rank\": 2", "\"rank\": 3"},
            {"\"rank\": 2", "\"rank\": 2, \"alpha\": 3"}, {"\"fine_tune_type\": \"lora\"", "\"fine_tune_type\": \"dora\""},
            {"\"fine_tune_type\": \"lora\"", "\"fine_tune_type\": \"full\""}}) {
            Files.copy(GOLDEN.resolve("mlx-lora/adapters.safetensors"), folder.resolve("adapters.safetensors"),
                    StandardCopyOption.REPLACE_EXISTING);
            String config = Files.readString(GOLDEN.resolve("mlx-lora/adapter_config.json"));
            assertThat(config).contains(change[0]);
            Files.writeString(folder.resolve("adapter_config.json"), config.replace(change[0], change[1]));
            double error;
            try {
                error = error("mlx-lora", folder);
            } catch (FaultException refused) {
                error = 1;
            }
            assertThat(error).as(change[1]).isGreaterThan(0.1);
        }
        Map<String, Tensor> tensors = new TreeMap<>();
        Safetensors file = Safetensors.open(GOLDEN.resolve("mlx-lora/adapters.safetensors"), scope);
        for (String key : file.names()) tensors.put(key, file.find(key));
        tensors.put("model.norm.weight", scope.f32(8));
        SafetensorsWriter.write(folder.resolve("adapters.safetensors"), tensors, Map.of());
        Files.copy(GOLDEN.resolve("mlx-lora/adapter_config.json"), folder.resolve("adapter_config.json"), StandardCopyOption.REPLACE_EXISTING);
        assertThatThrownBy(() -> error("mlx-lora", folder)).hasMessageContaining("model.norm.weight F32[8]: not lora_a, lora_b or m");
    }

    private static GgufNames llama() {
        Map<String, String> modules = new HashMap<>();
        Map<String, int[]> rows = new HashMap<>();
        for (int layer = 0; layer < 2; layer++) {
            for (String[] pair : new String[][] {{"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"}, {"attn_v", "self_attn.v_proj"},
                {"attn_output", "self_attn.o_proj"}, {"ffn_gate", "mlp.gate_proj"}, {"ffn_up", "mlp.up_proj"}, {"ffn_down", "mlp.down_proj"}}) {
                modules.put("blk." + layer + "." + pair[0] + ".weight", "layers." + layer + "." + pair[1]);
            }
            for (String[] pair : new String[][] {{"ffn_gate_exps", "gate_proj"}, {"ffn_up_exps", "up_proj"}, {"ffn_down_exps", "down_proj"}}) {
                modules.put("blk." + layer + "." + pair[0] + ".weight", "layers." + layer + ".mlp.experts.{e}." + pair[1]);
            }
            rows.put("layers." + layer + ".self_attn.q_proj", GgufNames.interleavedHalves(2, 4));
            rows.put("layers." + layer + ".self_attn.k_proj", GgufNames.interleavedHalves(1, 4));
        }
        modules.put("token_embd.weight", "embed_tokens");
        modules.put("output.weight", "lm_head");
        return new GgufNames("llama", modules, rows, Map.of());
    }

    private static Map<String, long[]> shapes() {
        Map<String, long[]> shapes = new TreeMap<>();
        for (int layer = 0; layer < 2; layer++) {
            String prefix = "layers." + layer + ".";
            for (String square : new String[] {"q_proj", "o_proj"}) shapes.put(prefix + "self_attn." + square, new long[] {8, 8});
            for (String narrow : new String[] {"k_proj", "v_proj"}) shapes.put(prefix + "self_attn." + narrow, new long[] {4, 8});
            for (int e = 0; e < 3; e++) {
                for (String wide : new String[] {"gate_proj", "up_proj"}) shapes.put(prefix + "mlp.experts." + e + "." + wide, new long[] {6, 8});
                shapes.put(prefix + "mlp.experts." + e + ".down_proj", new long[] {8, 6});
            }
        }
        shapes.put("lm_head", new long[] {12, 8});
        shapes.put("embed_tokens", new long[] {8, 12});
        return shapes;
    }

    @Test
    void ggufLoraIsThatOfTheCommonConverter() throws IOException {
        AdapterBase base = AdapterBase.ofModules(shapes());
        Adapter peft = PeftReader.read(GOLDEN.resolve("plain"), base, MoeOrientation.AUTO, scope);
        Adapter gguf = AdapterFiles.read(GOLDEN.resolve("gguf-plain.gguf"), base, llama(), scope);
        assertThat(gguf.hash()).isEqualTo(peft.hash());
        Path ours = folder.resolve("ours.gguf");
        assertThat(GgufLoraWriter.write(peft, llama(), DType.F32, ours)).isEmpty();
        Gguf theirs = Gguf.open(GOLDEN.resolve("gguf-plain.gguf"), scope);
        Gguf written = Gguf.open(ours, scope);
        assertThat(written.names()).isEqualTo(theirs.names());
        assertThat(written.metadata().number("adapter.lora.alpha")).isEqualTo(theirs.metadata().number("adapter.lora.alpha"));
        for (String name : theirs.names()) {
            assertThat(written.find(name).shape()).isEqualTo(theirs.find(name).shape());
            assertThat(written.find(name).data().toArray(ValueLayout.JAVA_BYTE)).as(name).isEqualTo(theirs.find(name).data().toArray(ValueLayout.JAVA_BYTE));
        }
        // the mutant: without the permutation of q and k the file means another adapter
        GgufNames plain = new GgufNames("llama", llama().modules(), Map.of(), Map.of());
        assertThat(AdapterFiles.read(GOLDEN.resolve("gguf-plain.gguf"), base, plain, scope).hash()).isNotEqualTo(peft.hash());
        assertThatThrownBy(() -> AdapterFiles.read(GOLDEN.resolve("gguf-plain.gguf"), base,
                new GgufNames("qwen2", llama().modules(), Map.of(), Map.of()), scope)).hasMessageContaining("another architecture");
    }

    /// Random adapters with experts, head and table through all dialects and back: the same bits where ranks and scales
    /// are equal, one rounding of F32 where a scale has to move into B.
    @Test
    void roundTrips() throws IOException {
        AdapterBase base = AdapterBase.ofModules(shapes());
        Random random = new Random(5);
        for (int trial = 0; trial < 12; trial++) {
            boolean uniform = trial % 2 == 0;
            SortedMap<TargetId, Delta> entries = new TreeMap<>();
            int common = new int[] {1, 2, 7, 16}[trial % 4];
            base.modules().forEach((path, shape) -> {
                boolean expert = path.contains(".experts.");
                int rank = uniform || expert ? common : 1 + random.nextInt(5);
                double scale = uniform ? 2 : expert ? 1.5 : new double[] {0.5, 3, 4 / Math.sqrt(3)}[random.nextInt(3)];
                entries.put(TargetId.ofPath(path), new Delta.LowRank(gaussian(random, rank, (int) shape[1]), gaussian(random, (int) shape[0], rank), scale));
            });
            Adapter adapter = new Adapter(AdapterHash.of(entries), null, entries);
            Path directory = folder.resolve("mlx" + trial);
            MlxWriter.write(adapter, 2, directory);
            Adapter mlx = AdapterFiles.read(directory, base, llama(), scope);
            Path file = folder.resolve("lora" + trial + ".gguf");
            GgufLoraWriter.write(adapter, llama(), DType.F32, file);
            Adapter gguf = AdapterFiles.read(file, base, llama(), scope);
            PeftWriter.write(adapter, "tiny", base.modules().keySet(), folder.resolve("peft" + trial));
            Weights zero = new Zeros(base);
            Adapter peft = AdapterFiles.read(folder.resolve("peft" + trial), base, llama(), scope);
            Map<String, float[]> dense = new AdapterEffect(zero).apply(adapter);
            Map<String, float[]> again = new AdapterEffect(zero).apply(peft);
            for (String name : dense.keySet()) {
                for (int i = 0; i < dense.get(name).length; i++) {
                    assertThat(again.get(name)[i]).as(name).isCloseTo(dense.get(name)[i], within(1e-5f));
                }
            }
            GgufLoraWriter.write(mlx, llama(), DType.F32, folder.resolve("again" + trial + ".gguf"));
            Adapter both = AdapterFiles.read(folder.resolve("again" + trial + ".gguf"), base, llama(), scope);
            for (Adapter copy : new Adapter[] {mlx, gguf, both}) {
                if (uniform) assertThat(copy.hash()).isEqualTo(adapter.hash());
                else assertThat(distance(adapter, copy)).isLessThan(0x1p-22);
            }
        }
    }

    @Test
    void whatADialectCannotHoldIsRefused() throws IOException {
        Weights dora = open("dora", "base.safetensors");
        Adapter adapter = PeftReader.read(GOLDEN.resolve("dora"), AdapterEffect.base(dora), MoeOrientation.AUTO, scope);
        assertThatThrownBy(() -> GgufLoraWriter.write(adapter, llama(), DType.F32, folder.resolve("x.gguf"))).hasMessageContaining("DoRA in 4 of 4 modules");
        assertThat(folder.resolve("x.gguf")).doesNotExist();
        MlxWriter.write(adapter, 2, folder.resolve("dora"));
        assertThat(AdapterFiles.read(folder.resolve("dora"), AdapterEffect.base(dora), null, scope).hash()).isEqualTo(adapter.hash());
        Adapter tokens = PeftReader.read(GOLDEN.resolve("activated"), AdapterEffect.base(dora), MoeOrientation.AUTO, scope);
        assertThatThrownBy(() -> MlxWriter.write(tokens, 2, folder.resolve("alora"))).hasMessageContaining("invocation sequence");
    }

    private static Tensor gaussian(Random random, int rows, int cols) {
        float[] values = new float[rows * cols];
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
        return Tensor.of(values, rows, cols);
    }

    /// Largest relative distance of an element of scale * B, A being equal up to padding.
    private static double distance(Adapter one, Adapter two) {
        double worst = 0;
        assertThat(two.entries().keySet()).isEqualTo(one.entries().keySet());
        for (TargetId target : one.entries().keySet()) {
            Delta.LowRank p = one.entries().get(target).update();
            Delta.LowRank q = two.entries().get(target).update();
            for (int r = 0; r < p.rank(); r++) {
                for (int c = 0; c < p.a().cols(); c++) assertThat(q.a().get((long) r * p.a().cols() + c)).isEqualTo(p.a().get((long) r * p.a().cols() + c));
                for (int n = 0; n < p.b().rows(); n++) {
                    double x = p.scale() * p.b().get((long) n * p.rank() + r);
                    double y = q.scale() * q.b().get((long) n * q.rank() + r);
                    worst = Math.max(worst, Math.abs(x - y) / Math.abs(x));
                }
            }
        }
        return worst;
    }

    /// A base of zeros, so that applying an adapter leaves its dense updates.
    private record Zeros(AdapterBase base) implements Weights {
        @Override
        public SortedSet<String> names() {
            SortedSet<String> names = new TreeSet<>();
            for (String path : base.modules().keySet()) names.add(path + ".weight");
            return names;
        }

        @Override
        public Tensor find(String name) {
            long[] shape = base.modules().get(name.substring(0, name.length() - ".weight".length()));
            boolean table = name.startsWith("embed_tokens");
            return Tensor.of(new float[(int) (shape[0] * shape[1])], shape[table ? 1 : 0], shape[table ? 0 : 1]);
        }

        @Override
        public void close() {}
    }
}
