// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.tune.EvalSet;
import dev.stoa.tune.TrainListener;
import dev.stoa.tune.TrainPlan;
import java.util.List;
import java.util.Map;

/// A training run on the screen. Ctrl-C ends it after the current step with a checkpoint.
final class TrainProgress implements TrainListener, AutoCloseable {
    private final Console console;
    private final Progress bar;
    private final Thread interrupter;
    private volatile boolean interrupted;
    private volatile boolean ended;
    private final Thread worker = Thread.currentThread();

    TrainProgress(Console console, int steps) {
        this.console = console;
        this.bar = console.progress("train", steps, "steps");
        this.interrupter = new Thread(this::interrupt, "stop-training");
        Runtime.getRuntime().addShutdownHook(interrupter);
    }

    /// Holds the process until the run has written its checkpoint.
    private void interrupt() {
        interrupted = true;
        try {
            if (!ended) worker.join(30_000);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void onPlan(TrainPlan plan) {
        console.say("model  %,d of %,d parameters trained (%.2f %%), about %,d MiB, %s", plan.trainedParameters(), plan.totalParameters(),
                100 * plan.trainedShare(), plan.memoryBytes() >> 20, plan.kernels());
    }

    @Override
    public void onStep(Step step) {
        bar.update(step.step(), "loss %.4f  grad %.2f  %.0f tok/s".formatted(step.loss(), step.norm(), step.tokensPerSecond()));
        console.event("step", Map.of("step", step.step(), "steps", step.steps(), "loss", step.loss(), "tokens_per_second", step.tokensPerSecond()));
    }

    @Override
    public void onEval(int step, List<EvalSet.Score> scores, boolean best) {
        for (EvalSet.Score score : scores) {
            console.detail("\reval   step %d  %s  loss %.4f  exact %.3f%s", step, score.name(), score.loss(), score.exact(), best ? "  best" : "");
        }
    }

    @Override
    public void onNotice(int step, String kind, String text) {
        console.detail("\r%s  step %d  %s", kind, step, text);
    }

    @Override
    public boolean stopRequested() {
        return interrupted;
    }

    @Override
    public void close() {
        ended = true;
        bar.close();
        try {
            Runtime.getRuntime().removeShutdownHook(interrupter);
        } catch (IllegalStateException alreadyStopping) {
            // the hook runs and waits for this thread
        }
    }
}
