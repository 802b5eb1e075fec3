// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.data.ExampleSource;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.FeedForward;
import dev.stoa.model.LayerSpec;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.model.ModelSpec;
import java.lang.management.ManagementFactory;

/// Computes a run's plan, and refuses one that would not fit into memory.
///
/// Bytes: parameters * (4 weight + 8 moments + 4 gradient * R) + frozen base + R * 4 * M * sum over layers of
/// (3 H + 2 Hq + 2 Hkv + 2 I + heads), with recomputing H per layer and the widest layer once, + head chunk 2 * 128 * V * 4 + 256 MB heap, with M tokens per micro-batch and R
/// replicas.
final class Planner {
    private static final long HEAP = 256L << 20;
    private static final double SHARE = 0.85;

    private Planner() {}

    /// `frozenBytes` is what the base's weights take; `total` counts its parameters and the trained ones.
    static TrainPlan plan(String kind, ModelSpec spec, Trainee trainee, long total, long frozenBytes, TrainConfig config,
            boolean recompute, ExampleSource source, Kernels kernels) {
        long perToken = 0, widest = 0, replicas = trainee.replicas().count();
        for (LayerSpec layer : spec.layers()) {
            long own = 3L * spec.hidden();
            if (layer.mixer() instanceof MixerSpec.Attention a) own += 2L * (a.heads() + a.kvHeads()) * a.headDim() + a.heads();
            if (layer.ffn() instanceof FeedForward.Gated gated) own += 2L * gated.intermediate();
            perToken += recompute ? spec.hidden() : own;
            widest = Math.max(widest, own);
        }
        if (recompute) perToken += widest;
        long memory = trainee.parameterCount() * (12 + 4L * replicas) + frozenBytes + replicas * 4L * config.microTokens() * perToken
                + 2L * 128 * spec.vocab() * 4 + HEAP;
        long limit = physicalMemory();
        int steps = config.schedule().steps();
        double epochs = source.epochSize() == ExampleSource.ENDLESS ? 0 : epochs(config, source);
        TrainPlan plan = new TrainPlan(kind, trainee.parameterCount(), total, steps, config.schedule().warmup(), epochs,
                config.microTokens(), memory, limit, kernels.id() + ", " + kernels.workers().threads() + " threads");
        if (memory > SHARE * limit) {
            throw Fault.of(TrainingFault.TRAIN_MEMORY_LIMIT, "the run would need more memory than there is")
                    .got("%,d MB".formatted(memory >> 20)).expected("at most %,d MB (85 %% of this machine)".formatted((long) (SHARE * limit) >> 20))
                    .next("lower microTokens, the maximum length or the rank").exception();
        }
        return plan;
    }

    /// Passes over the data in all steps, from the samples the first steps take.
    private static double epochs(TrainConfig config, ExampleSource source) {
        return (double) config.schedule().steps() / config.stepSize().steps(source, 1);
    }

    private static long physicalMemory() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system
                ? system.getTotalMemorySize() : Runtime.getRuntime().maxMemory();
    }
}
