// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.format.ModelDirectory;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.quant.MixedPlanner;
import dev.stoa.quant.MixedPlanner.Candidate;
import dev.stoa.quant.MixedPlanner.Module;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The plan on a small random Llama whose matrices differ widely in how much they matter. `-Dstoa.calibrate=DIR:TEXT` measures
/// a trained model instead (a demo base and its text).
class MixedPrecisionTest {
    private static final int VOCAB = 96;
    private static final int HIDDEN = 64;
    private static final int LAYERS = 2;

    @TempDir
    Path folder;

    /// Weights whose scale differs by module, so that the output hangs on some far more than on others.
    private Path model() throws IOException {
        Random random = new Random(11);
        Map<String, Tensor> tensors = new TreeMap<>();
        tensors.put("model.embed_tokens.weight", matrix(random, VOCAB, HIDDEN, 1));
        tensors.put("lm_head.weight", matrix(random, VOCAB, HIDDEN, 0.35f));
        tensors.put("model.norm.weight", ones(HIDDEN));
        for (int i = 0; i < LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            tensors.put(layer + "input_layernorm.weight", ones(HIDDEN));
            tensors.put(layer + "post_attention_layernorm.weight", ones(HIDDEN));
            for (String name : List.of("q", "k", "v", "o")) {
                tensors.put(layer + "self_attn." + name + "_proj.weight", matrix(random, HIDDEN, HIDDEN, i == 0 ? 0.15f : 0.02f));
            }
            tensors.put(layer + "mlp.gate_proj.weight", matrix(random, 128, HIDDEN, i == 0 ? 0.03f : 0.25f));
            tensors.put(layer + "mlp.up_proj.weight", matrix(random, 128, HIDDEN, i == 0 ? 0.03f : 0.25f));
            tensors.put(layer + "mlp.down_proj.weight", matrix(random, HIDDEN, 128, i == 0 ? 0.03f : 0.2f));
        }
        Path directory = Files.createDirectory(folder.resolve("model"));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        Files.writeString(directory.resolve("config.json"), """
                {"model_type": "llama", "vocab_size": 96, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
                 "num_key_value_heads": 4, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "hidden_act": "silu"}""");
        return directory;
    }

    private static Tensor matrix(Random random, int rows, int cols, float scale) {
        float[] values = new float[rows * cols];
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian() * scale;
        return Tensor.of(values, rows, cols);
    }

    private static Tensor ones(int n) {
        float[] values = new float[n];
        java.util.Arrays.fill(values, 1);
        return Tensor.of(values, n);
    }

    private static String ids(int tokens, int seed) {
        Random random = new Random(seed);
        StringBuilder text = new StringBuilder("[[");
        for (int i = 0; i < tokens; i++) text.append(i == 0 ? "" : ",").append((int) (VOCAB * Math.pow(random.nextDouble(), 2)));
        return text.append("]]").toString();
    }

    @Test
    void thePlanBeatsUniformAtTheSameBytesAndAShuffledOneLoses() throws IOException {
        String given = System.getProperty("stoa.calibrate");
        Path place = given == null ? model() : Path.of(given.substring(0, given.indexOf(':')));
        try (Kernels kernels = KernelProvider.open("auto", 2); Scope scope = new Ledger().scope("test")) {
            ModelDirectory directory = ModelDirectory.openWithoutTokenizer(place, scope);
            String text = given == null ? ids(4096, 1) : Files.readString(Path.of(given.substring(given.indexOf(':') + 1)));
            Calibration calibration = given == null ? Calibration.of("ids.json", text, null, VOCAB, 256, 16)
                    : Calibration.of("text.txt", text, dev.stoa.token.TokenizerJson.parse(directory.tokenizerJson()), 1 << 20, 256, 16);
            assertThat(calibration.tokens()).isGreaterThanOrEqualTo(4096);
            MixedPrecision search = new MixedPrecision(directory, calibration, kernels);
            List<String> lines = new ArrayList<>();
            List<Module> modules = search.sensitivities(false, lines::add);
            assertThat(lines.size()).isBetween(1, 32);
            assertThat(modules).hasSizeGreaterThan(10).allSatisfy(module -> assertThat(module.candidates().getLast().kl()).isZero());

            MixedPlanner.Plan uniform = MixedPrecision.uniform(modules, 4);
            MixedPlanner.Plan plan = MixedPlanner.plan(modules, uniform.bytes());
            assertThat(plan.bytes()).isLessThanOrEqualTo(uniform.bytes());
            double klPlan = search.divergence(plan);
            double klUniform = search.divergence(uniform);
            double shuffled = 0;
            for (int seed = 0; seed < 2; seed++) shuffled += search.divergence(MixedPlanner.plan(shuffled(modules, new Random(seed)), uniform.bytes())) / 2;
            System.getLogger("test").log(System.Logger.Level.INFO, "plan {0}, predicted {1}, uniform {2}, shuffled {3}, {4} bits per weight", klPlan,
                    plan.predictedKl(), klUniform, shuffled, 8.0 * plan.bytes() / search.weights());
            assertThat(klPlan).isLessThan(klUniform);
            assertThat(klPlan).isLessThan(shuffled);
            assertThat(klPlan / plan.predictedKl()).isBetween(0.3, 3.0);
        }
    }

    /// The same costs given to other modules: what each would save per value is that of another one.
    private static List<Module> shuffled(List<Module> modules, Random random) {
        List<Double> perValue = new ArrayList<>();
        for (Module module : modules) perValue.add(module.candidates().getFirst().kl() / module.candidates().getFirst().bytes());
        Collections.shuffle(perValue, random);
        List<Module> all = new ArrayList<>();
        for (int m = 0; m < modules.size(); m++) {
            Module module = modules.get(m);
            double own = module.candidates().getFirst().kl() / module.candidates().getFirst().bytes();
            double ratio = own == 0 ? 1 : perValue.get(m) / own;
            all.add(new Module(module.name(), module.candidates().stream()
                    .map(one -> new Candidate(one.bits(), one.spec(), one.bytes(), one.kl() * ratio)).toList()));
        }
        return all;
    }

    @Test
    void shortOrForeignTextIsRefused() {
        assertThatThrownBy(() -> Calibration.of("ids.json", "[[1,2,3]]", null, VOCAB, 256, 16)).hasMessageContaining("too short");
        assertThatThrownBy(() -> Calibration.of("ids.json", "[[96]]", null, VOCAB, 256, 16)).hasMessageContaining("not in the vocabulary");
        assertThatThrownBy(() -> Calibration.of("text.txt", "text", null, VOCAB, 256, 16)).hasMessageContaining("no tokenizer");
        assertThat(Calibration.of("ids.json", ids(5000, 2), null, VOCAB, 64, 4).sequences()).hasSize(64).allSatisfy(one -> assertThat(one).hasSize(64));
    }
}
