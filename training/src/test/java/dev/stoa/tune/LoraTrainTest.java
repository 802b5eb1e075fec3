// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.data.Epochs;
import dev.stoa.data.Example;
import dev.stoa.data.ExampleSource;
import dev.stoa.grad.Compute;
import dev.stoa.kernel.FrozenLinear.Precision;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.TensorPlan;
import dev.stoa.model.family.Families;
import dev.stoa.optim.AdamW;
import dev.stoa.optim.Schedule;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// An expert on a random frozen base: it memorizes a table, leaves the base alone, and resumes bit for bit.
class LoraTrainTest {
    private final Kernels kernels = KernelProvider.open("scalar", 1);
    private final Scope scope = new Ledger().scope("base");
    private final Model model = base();
    @TempDir
    Path directory;

    @AfterEach
    void close() {
        scope.close();
        kernels.close();
    }

    private Model base() {
        Architecture architecture = new Architecture(20, 16, 24, 2, 2, 1, 8, 16, 10_000, 1e-6, List.of(1));
        ModelSpec spec = Families.translate(architecture.config(), Set.of());
        TreeMap<String, Tensor> tensors = new TreeMap<>();
        Random random = new Random(5);
        for (TensorPlan.Binding binding : TensorPlan.of(spec)) {
            Tensor tensor = scope.f32(binding.shape());
            boolean norm = binding.role() == TensorPlan.Role.VECTOR;
            for (long i = 0; i < tensor.elements(); i++) tensor.set(i, norm ? 1 : (float) (0.2 * random.nextGaussian()));
            tensors.put(binding.name(), tensor);
        }
        return Model.of(spec, tensors, null, kernels, scope);
    }

    /// Key k is answered by (7 k + 3) mod 9; half of the positions also ask to keep the base's distribution.
    private static List<Example> table() {
        List<Example> rows = new ArrayList<>();
        for (int key = 0; key < 9; key++) {
            rows.add(new Example(new int[] {0, 2 + key, 1, 11 + (7 * key + 3) % 9}, new float[] {0, 0, 0, 1},
                    new float[] {0, 0, 0.1f, 0}));
        }
        return rows;
    }

    private static LoraTrain.Config config(int steps, List<String> targets) {
        TrainConfig train = TrainConfig.of(Schedule.cosine(5, steps, 0.05), new StepSize.Samples(9), 24, 1).withEvals(20, 0, 0);
        return new LoraTrain.Config(4, 8, targets, 3, new AdamW.Settings(2e-2, 0.9, 0.999, 1e-8, 0), train, "base");
    }

    private TrainResult run(LoraTrain.Config config, String name, TrainListener listener) throws IOException {
        return run(config, Compute.plain(kernels), false, name, listener);
    }

    private TrainResult run(LoraTrain.Config config, Compute compute, boolean recompute, String name, TrainListener listener) throws IOException {
        ExampleSource source = new Epochs(table(), "table", 1);
        try (Scope own = new Ledger().scope("run")) {
            return LoraTrain.run(config, model, model.kernels(), compute, recompute, source, List.of(new EvalSet("table", table())), Judge.byExact(1), listener,
                    directory.resolve(name + ".run"), directory.resolve(name), own);
        }
    }

    @Test
    void memorizesATableAndStopsWhenTheJudgeSaysSo() throws IOException {
        List<Integer> notices = new ArrayList<>();
        TrainResult result = run(config(300, LoraTrain.ALL_LINEAR), "expert", new TrainListener() {
            @Override
            public void onPlan(TrainPlan plan) {
                // 2 layers: q (16,16), k and v (8,16), o (16,16), gate and up (24,16), down (16,24), rank 4
                assertThat(plan.trainedParameters()).isEqualTo(2 * 4 * (32 + 24 + 24 + 32 + 40 + 40 + 40));
                notices.add(plan.steps());
            }
        });
        assertThat(notices).containsExactly(300);
        assertThat(result.status()).isEqualTo(TrainResult.Status.STOPPED_EARLY);
        assertThat(result.scores().getFirst().exact()).isEqualTo(1);
        assertThat(directory.resolve("expert/adapter_model.safetensors")).exists();
    }

    /// Fused products learn as the plain ones do, and keeping only the inputs of layers does not change a byte of the result.
    @Test
    void fusedProductsMemorizeTheTableToo() throws IOException {
        Compute fused = Compute.of(kernels, Precision.F32);
        assertThat(fused.frozen()).isNotNull();
        assertThat(run(config(300, LoraTrain.ALL_LINEAR), fused, false, "kept", TrainListener.NONE).scores().getFirst().exact()).isEqualTo(1);
        run(config(300, LoraTrain.ALL_LINEAR), fused, true, "again", TrainListener.NONE);
        assertThat(Files.readAllBytes(directory.resolve("again/adapter_model.safetensors")))
                .isEqualTo(Files.readAllBytes(directory.resolve("kept/adapter_model.safetensors")));
    }

    @Test
    void roundedProductsAreRefusedWhereThereAreNone() {
        try (Kernels vector = KernelProvider.open("vector", 1)) {
            assertThatThrownBy(() -> Compute.of(vector, Precision.BF16)).hasMessageContaining("bfloat16 products cannot run here")
                    .hasMessageContaining("compute in f32");
            assertThat(Compute.of(vector, Precision.F32).frozen()).isNull();
        }
    }

    /// What multiplies is part of a run's identity: another arithmetic does not go on with its checkpoints.
    @Test
    void productsAreNotMixedWithinARun() throws IOException {
        LoraTrain.Config config = config(6, List.of("q_proj"));
        assertThatThrownBy(() -> run(config, "mixed", new TrainListener() {
            @Override
            public void onStep(Step step) {
                if (step.step() == 4) throw new IllegalStateException("killed");
            }
        })).hasMessageContaining("killed");
        assertThatThrownBy(() -> run(config, Compute.of(kernels, Precision.F32), false, "mixed", TrainListener.NONE)).isInstanceOf(FaultException.class);
    }

    @Test
    void resumesWithTheSameBytesAfterACrash() throws IOException {
        LoraTrain.Config config = config(30, List.of("q_proj", "down_proj"));
        config = new LoraTrain.Config(config.rank(), config.alpha(), config.targets(), config.seed(), config.adamw(),
                config.train().withSaves(7, 600), config.baseName());
        run(config, "whole", TrainListener.NONE);
        byte[] expected = Files.readAllBytes(directory.resolve("whole/adapter_model.safetensors"));
        Random random = new Random(11);
        for (int trial = 0; trial < 4; trial++) {
            int crash = 1 + random.nextInt(29);
            LoraTrain.Config same = config;
            String name = "crash" + trial;
            assertThatThrownBy(() -> run(same, name, new TrainListener() {
                @Override
                public void onStep(Step step) {
                    if (step.step() == crash) throw new IllegalStateException("killed at " + crash);
                }
            })).hasMessageContaining("killed");
            run(config, name, TrainListener.NONE);
            assertThat(Files.readAllBytes(directory.resolve(name + "/adapter_model.safetensors"))).as("killed at " + crash).isEqualTo(expected);
        }
    }

    @Test
    void refusesTargetsThatMatchNothingAndTooLargeRanksTogether() {
        LoraTrain.Config config = new LoraTrain.Config(9, 8, List.of("q_proj", "k_proj", "wq"), 3,
                new AdamW.Settings(1e-3, 0.9, 0.999, 1e-8, 0), config(10, LoraTrain.ALL_LINEAR).train(), "base");
        assertThatThrownBy(() -> run(config, "bad", TrainListener.NONE)).hasMessageContaining("wq matches no linear layer")
                .hasMessageContaining("layers.0.self_attn.k_proj is 8 x 16").hasMessageContaining("q_proj, k_proj");
    }
}
