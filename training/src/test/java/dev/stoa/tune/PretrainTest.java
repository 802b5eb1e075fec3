// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.data.Example;
import dev.stoa.data.ExampleSource;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.Safetensors;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.optim.AdamW;
import dev.stoa.optim.Muon;
import dev.stoa.optim.Schedule;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A base trained from scratch end to end, on a task of which the solution is known: the answer repeats the prompt.
class PretrainTest {
    private final Kernels kernels = KernelProvider.open("scalar", 1);
    @TempDir
    Path directory;

    @AfterEach
    void close() {
        kernels.close();
    }

    private static Example copy(long index) {
        SplittableRandom random = new SplittableRandom(index);
        int a = 2 + random.nextInt(6);
        return Example.of(new int[] {0, a}, new int[] {1, a}, 0.1f);
    }

    private static Pretrain.Config config(int steps) {
        Architecture architecture = new Architecture(8, 16, 24, 1, 2, 1, 8, 16, 10_000, 1e-6, List.of(1));
        TrainConfig train = TrainConfig.of(Schedule.cosine(5, steps, 0.1), new StepSize.Tokens(64), 32, 1).withEvals(20, 0, 0);
        return new Pretrain.Config(architecture, 1, new Muon.Settings(0.02, 0.95, 0.1), new AdamW.Settings(1e-2, 0.9, 0.95, 1e-8, 0.1),
                train, Map.of("tokenizer_config.json", "{}"));
    }

    private TrainResult run(Pretrain.Config config, String name, TrainListener listener) throws IOException {
        List<Example> held = new ArrayList<>();
        for (int i = 0; i < 20; i++) held.add(copy(1_000_000 + i));
        try (Scope scope = new Ledger().scope("test")) {
            return Pretrain.run(config, ExampleSource.endless("copy", PretrainTest::copy), List.of(new EvalSet("held", held)),
                    Judge.byLoss(), kernels, listener, directory.resolve(name + ".run"), directory.resolve(name), scope);
        }
    }

    @Test
    void learnsToCopyAndWritesADirectoryTheEngineLoads() throws IOException {
        TrainResult result = run(config(200), "base", TrainListener.NONE);
        assertThat(result.status()).isEqualTo(TrainResult.Status.FINISHED);
        assertThat(result.scores().getFirst().exact()).isEqualTo(1);
        assertThat(directory.resolve("base.run/report.json")).exists();
        try (Scope scope = new Ledger().scope("load")) {
            Model model = Model.load(ModelDirectory.openWithoutTokenizer(directory.resolve("base"), scope), kernels, scope);
            assertThat(model.spec().layers()).hasSize(1);
            assertThat(model.spec().tiedHead()).isTrue();
        }
    }

    @Test
    void aConfigurationsTextIsTheSameInEveryProcess() {
        // caches and checkpoints go by it; the order of Map.of changes from process to process
        Map<String, String> files = new java.util.LinkedHashMap<>();
        for (int i = 20; i > 0; i--) files.put("file-" + (char) ('a' + i), "");
        Pretrain.Config some = config(10);
        assertThat(new Pretrain.Config(some.architecture(), 1, some.muon(), some.adamw(), some.train(), files).files().keySet())
                .containsExactlyElementsOf(new java.util.TreeSet<>(files.keySet()));
    }

    @Test
    void replicasChangeTheOrderOfSumsAndNothingElse() throws IOException {
        Pretrain.Config one = config(12), two = one.withTrain(one.train().withReplicas(2)), three = one.withTrain(one.train().withReplicas(3));
        run(one, "one", TrainListener.NONE);
        run(two, "two", TrainListener.NONE);
        byte[] sequential = Files.readAllBytes(directory.resolve("two/model.safetensors"));
        try (Kernels threads = KernelProvider.open("scalar", 2); Scope scope = new Ledger().scope("test")) {
            ExampleSource source = ExampleSource.endless("copy", PretrainTest::copy);
            Pretrain.run(two, source, List.of(), Judge.byLoss(), threads, TrainListener.NONE, directory.resolve("threads.run"),
                    directory.resolve("threads"), scope);
        }
        assertThat(directory.resolve("threads/model.safetensors")).hasBinaryContent(sequential);
        run(three, "three", TrainListener.NONE);
        assertThat(largestDifference("one", "two")).isPositive().isLessThan(1e-3);
        assertThat(largestDifference("one", "three")).isPositive().isLessThan(1e-3);
        // a lost gradient would be seen: another twelve steps of data move the weights by more
        run(new Pretrain.Config(one.architecture(), 1, one.muon(), one.adamw(), TrainConfig.of(Schedule.cosine(5, 12, 0.1),
                new StepSize.Tokens(32), 32, 1), one.files()), "half", TrainListener.NONE);
        assertThat(largestDifference("one", "half")).isGreaterThan(1e-2);
    }

    private double largestDifference(String one, String other) throws IOException {
        try (Scope scope = new Ledger().scope("compare"); Safetensors a = Safetensors.open(directory.resolve(one + "/model.safetensors"), scope);
                Safetensors b = Safetensors.open(directory.resolve(other + "/model.safetensors"), scope)) {
            double most = 0;
            for (String name : a.names()) {
                for (long i = 0; i < a.find(name).elements(); i++) {
                    most = Math.max(most, Math.abs(a.find(name).get(i) - b.find(name).get(i)));
                }
            }
            return most;
        }
    }

    @Test
    void aRunStoppedAndResumedAnywhereEndsWithTheSameBytes() throws IOException {
        run(config(24), "whole", TrainListener.NONE);
        byte[] expected = Files.readAllBytes(directory.resolve("whole/model.safetensors"));
        for (int stop : new int[] {1, 7, 20, 23}) {
            StopAt listener = new StopAt(stop);
            assertThat(run(config(24), "part" + stop, listener).status().exitCode()).isEqualTo(130);
            assertThat(listener.steps).isEqualTo(stop);
            assertThat(directory.resolve("part" + stop)).doesNotExist();
            run(config(24), "part" + stop, TrainListener.NONE);
            assertThat(Files.readAllBytes(directory.resolve("part" + stop + "/model.safetensors"))).isEqualTo(expected);
        }
    }

    private static final class StopAt implements TrainListener {
        private final int limit;
        private int steps;

        StopAt(int limit) {
            this.limit = limit;
        }

        @Override
        public void onStep(Step step) {
            steps = step.step();
        }

        @Override
        public boolean stopRequested() {
            return steps >= limit;
        }
    }
}
