// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.data.Example;
import dev.stoa.data.ExampleSource;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
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
import java.util.function.LongFunction;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the loop does when something goes wrong: bad windows, divergence, foreign or broken checkpoints, early stops.
class TrainLoopTest {
    private static final int WINDOW = 4;
    private final Kernels kernels = KernelProvider.open("scalar", 1);
    private final List<String> notices = new ArrayList<>();
    private final TrainListener listener = new TrainListener() {
        @Override
        public void onNotice(int step, String kind, String text) {
            notices.add(kind);
        }
    };
    @TempDir
    Path directory;

    @AfterEach
    void close() {
        kernels.close();
    }

    private static Example good(long index) {
        int key = 2 + new SplittableRandom(index).nextInt(6);
        return Example.of(new int[] {0, key}, new int[] {1, key}, 0.1f);
    }

    /// Weights whose summed gradient leaves the range of F32.
    private static Example poison() {
        return new Example(new int[] {0, 1, 1, 1, 1, 1}, new float[] {0, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f}, new float[6]);
    }

    /// The good stream with whole windows of poison inserted.
    private static LongFunction<Example> poisoned(LongPredicate windows) {
        return index -> {
            long window = index / WINDOW, before = 0;
            for (long i = 0; i < window; i++) if (windows.test(i)) before++;
            return windows.test(window) ? poison() : good(index - before * WINDOW);
        };
    }

    private TrainResult run(String name, int steps, long seed, LongFunction<Example> samples, List<EvalSet> sets, Judge judge)
            throws IOException {
        Architecture architecture = new Architecture(8, 8, 8, 1, 1, 1, 8, 16, 10_000, 1e-6, List.of(1));
        TrainConfig train = TrainConfig.of(Schedule.cosine(2, steps, 0.1), new StepSize.Samples(WINDOW), 32, 1).withEvals(5, 2, 0)
                .withSaves(6, 600);
        Pretrain.Config config = new Pretrain.Config(architecture, seed, new Muon.Settings(0.02, 0.95, 0.1),
                new AdamW.Settings(1e-2, 0.9, 0.95, 1e-8, 0.1), train, Map.of());
        try (Scope scope = new Ledger().scope("test")) {
            return Pretrain.run(config, ExampleSource.endless("x", samples), sets, judge, kernels, listener,
                    directory.resolve(name + ".run"), directory.resolve(name), scope);
        }
    }

    private TrainResult run(String name, int steps, LongFunction<Example> samples) throws IOException {
        return run(name, steps, 1, samples, List.of(), Judge.byLoss());
    }

    private byte[] weights(String name) throws IOException {
        return Files.readAllBytes(directory.resolve(name + "/model.safetensors"));
    }

    @Test
    void aWindowThatIsNotFiniteChangesNothingButItself() throws IOException {
        run("clean", 20, TrainLoopTest::good);
        TrainResult result = run("poisoned", 20, poisoned(window -> window == 7 || window == 12));
        assertThat(result.skippedWindows()).isEqualTo(2);
        assertThat(result.steps()).isEqualTo(20);
        assertThat(notices).containsExactly("skip", "skip");
        assertThat(weights("poisoned")).isEqualTo(weights("clean"));
    }

    @Test
    void threeInARowRestoreTheLastCheckpointAtHalfTheRate() throws IOException {
        TrainResult result = run("restored", 20, poisoned(window -> window >= 8 && window <= 10));
        assertThat(notices).containsExactly("skip", "skip", "skip", "restore");
        assertThat(result.status()).isEqualTo(TrainResult.Status.FINISHED);
        assertThat(result.steps()).isEqualTo(20);
        String log = Files.readString(directory.resolve("restored.run/run.jsonl"));
        assertThat(log).contains("restored step 6, rate factor 0.5");
        run("clean", 20, TrainLoopTest::good);
        assertThat(weights("restored")).isNotEqualTo(weights("clean"));
    }

    @Test
    void divergenceEndsWithItsExitCodeAndKeepsTheLastGoodCheckpoint() throws IOException {
        TrainResult result = run("diverged", 20, poisoned(window -> window >= 8));
        assertThat(result.status().exitCode()).isEqualTo(5);
        assertThat(result.output()).isNull();
        assertThat(directory.resolve("diverged")).doesNotExist();
        assertThat(Files.readString(directory.resolve("diverged.run/diverged.json"))).contains("first non-finite gradient");
        assertThat(directory.resolve("diverged.run/checkpoints/step-000006/weights.safetensors")).exists();
    }

    @Test
    void windowsWithoutWeightAreNoStepsAndNothingElseIsAnError() throws IOException {
        Example silent = Example.hard(new int[] {0, 1}, new float[2]);
        run("clean", 6, TrainLoopTest::good);
        run("gaps", 6, index -> index / WINDOW % 2 == 0 ? silent : good(index / WINDOW / 2 * WINDOW + index % WINDOW));
        assertThat(weights("gaps")).isEqualTo(weights("clean"));
        assertThatThrownBy(() -> run("silent", 6, index -> silent)).hasMessageContaining("no token with a weight");
    }

    @Test
    void aRunDirectoryOfAnotherConfigurationIsRefused() throws IOException {
        run("first", 6, TrainLoopTest::good);
        Files.move(directory.resolve("first.run"), directory.resolve("second.run"));
        assertThatThrownBy(() -> run("second", 6, 2, TrainLoopTest::good, List.of(), Judge.byLoss()))
                .hasMessageContaining("belongs to another run").hasMessageContaining("next:");
        assertThatThrownBy(() -> run("first", 6, TrainLoopTest::good)).hasMessageContaining("already exists");
    }

    @Test
    void aCrashWhileReplacingACheckpointLosesNothing() throws IOException {
        run("whole", 20, TrainLoopTest::good);
        byte[] expected = weights("whole");
        assertThatThrownBy(() -> run("crashed", 20, index -> {
            if (index == 15 * WINDOW) throw new IllegalStateException("killed");
            return good(index);
        })).hasMessageContaining("killed");
        Path checkpoints = directory.resolve("crashed.run/checkpoints");
        assertThat(Files.readString(checkpoints.resolve("LATEST"))).isEqualTo("step-000012\n");
        Files.move(checkpoints.resolve("step-000012"), checkpoints.resolve("step-000012.old"));
        Files.createDirectory(checkpoints.resolve(".step-000012.part-1-1"));
        run("crashed", 20, TrainLoopTest::good);
        assertThat(notices).contains("resume");
        assertThat(weights("crashed")).isEqualTo(expected);
    }

    @Test
    void patienceStopsAndTheBestStepIsTheResult() throws IOException {
        List<EvalSet> sets = List.of(new EvalSet("held", List.of(good(1_000))));
        double[] values = {3, 2, 2.5, 2.6, 1};
        int[] calls = {0};
        TrainResult result = run("early", 40, 1, TrainLoopTest::good, sets, (step, scores) -> Judge.Verdict.go(values[calls[0]++]));
        assertThat(result.status()).isEqualTo(TrainResult.Status.STOPPED_EARLY);
        assertThat(result.steps()).isEqualTo(20);
        assertThat(result.chosenStep()).isEqualTo(10);
        TrainResult landed = run("landed", 40, 1, TrainLoopTest::good, sets, (step, scores) -> Judge.Verdict.land(-step, 7));
        assertThat(landed.status()).isEqualTo(TrainResult.Status.FINISHED);
        assertThat(landed.steps()).isEqualTo(12);
        assertThat(landed.chosenStep()).isEqualTo(12);
    }

    @Test
    void tokensOfAnotherVocabularyAndOverlongSamplesAreRefused() {
        assertThatThrownBy(() -> run("vocab", 6, index -> Example.of(new int[] {0, 8}, new int[] {1}, 0)))
                .hasMessageContaining("id 8").hasMessageContaining("ids below 8");
        assertThatThrownBy(() -> run("long", 6, index -> Example.hard(new int[33], new float[33]))).hasMessageContaining("33 tokens");
    }
}
