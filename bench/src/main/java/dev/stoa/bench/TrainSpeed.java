// SPDX-License-Identifier: Apache-2.0
package dev.stoa.bench;

import dev.stoa.data.Example;
import dev.stoa.data.ExampleSource;
import dev.stoa.format.ModelDirectory;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tune.Architecture;
import dev.stoa.tune.Judge;
import dev.stoa.tune.LoraTrain;
import dev.stoa.tune.Pretrain;
import dev.stoa.tune.TrainConfig;
import dev.stoa.tune.TrainListener;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// Tokens per second of pretraining and of LoRA training on the demo base's shape, random ids: samples of 24 to 56
/// tokens, the last quarter an answer. Prints median, 10th and 90th percentile over the steps after the first third.
///
/// Arguments: threads, vocabulary, pretraining steps, LoRA steps, tokens per micro-batch.
public final class TrainSpeed {
    private TrainSpeed() {}

    public static void main(String[] args) throws IOException {
        int threads = Integer.parseInt(args[0]), vocab = Integer.parseInt(args[1]);
        int steps = Integer.parseInt(args[2]), loraSteps = Integer.parseInt(args[3]), micro = Integer.parseInt(args[4]);
        Path directory = Files.createTempDirectory("stoa-speed");
        Ledger ledger = new Ledger();
        try (Kernels kernels = KernelProvider.open("auto", threads); Scope scope = ledger.scope("speed")) {
            System.out.println(kernels.reason() + ", " + kernels.id() + ", vocabulary " + vocab + ", micro-batch " + micro);
            Pretrain.Config config = Pretrain.Config.demo(Architecture.demo(vocab, 0), 1, steps, Map.of());
            TrainConfig train = config.train().withEvals(0, 0, 0).withMicroTokens(micro);
            config = new Pretrain.Config(config.architecture(), 1, config.muon(), config.adamw(), train, Map.of());
            Rates rates = new Rates(steps);
            Pretrain.run(config, ExampleSource.endless("random", index -> sample(index, vocab, 0.1f, 0)), List.of(), Judge.byLoss(),
                    kernels, rates, directory.resolve("run"), directory.resolve("base"), scope);
            rates.print("pretrain");
            System.out.println("memory " + (ledger.peakBytes() >> 20) + " MB");
            if (loraSteps == 0) return;
            Model model = Model.load(ModelDirectory.openWithoutTokenizer(directory.resolve("base"), scope), kernels, scope);
            for (double share : new double[] {0, 0.5}) {
                Rates lora = new Rates(loraSteps);
                LoraTrain.run(LoraTrain.Config.demo(1, loraSteps, "base"), model, kernels,
                        ExampleSource.endless("random", index -> sample(index, vocab, 0, share)), List.of(), Judge.byLoss(), lora,
                        directory.resolve("lora-run" + share), directory.resolve("lora" + share), scope);
                lora.print(share == 0 ? "lora" : "lora with KL rows");
            }
        }
    }

    private static Example sample(long index, int vocab, float promptWeight, double softShare) {
        SplittableRandom random = new SplittableRandom(index);
        int length = 24 + random.nextInt(33), answer = length / 4;
        int[] ids = random.ints(length, 0, vocab).toArray();
        float[] weights = new float[length], soft = new float[length];
        boolean kept = random.nextDouble() < softShare;
        for (int i = 1; i < length; i++) weights[i] = i < length - answer ? promptWeight : kept ? 0 : 1;
        if (kept) Arrays.fill(soft, length - answer, length, 1);
        return new Example(ids, weights, soft);
    }

    private static final class Rates implements TrainListener {
        private final double[] rates, perCpuSecond;
        private int count;
        private long cpu = cpuNanos(), tokens;

        Rates(int steps) {
            rates = new double[steps];
            perCpuSecond = new double[steps];
        }

        @Override
        public void onStep(Step step) {
            long now = cpuNanos();
            rates[count] = step.tokensPerSecond();
            perCpuSecond[count++] = (step.tokens() - tokens) * 1e9 / (now - cpu);
            cpu = now;
            tokens = step.tokens();
        }

        private static long cpuNanos() {
            return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system
                    ? system.getProcessCpuTime() : System.nanoTime();
        }

        void print(String name) {
            System.out.println(name + ": " + line(rates) + " tokens/s; " + line(perCpuSecond) + " per CPU second of the process");
        }

        private static String line(double[] all) {
            double[] warm = Arrays.copyOfRange(all, all.length / 3, all.length);
            Arrays.sort(warm);
            return "%,.0f (median of %d steps, p10 %,.0f, p90 %,.0f)".formatted(
                    warm[warm.length / 2], warm.length, warm[warm.length / 10], warm[warm.length * 9 / 10]);
        }
    }
}
