// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.optim.Schedule;

/// What the loop needs to know beside model, optimizer and data.
///
/// `microTokens` bounds the tokens computed at once; `clip` the global gradient norm (0 for none). `evalEvery` and
/// `saveEvery` count optimizer steps, 0 for only at the end; `saveSeconds` also saves by time. `patience` evaluations
/// without an improvement of more than `minDelta` end the run (0: never). `replicas` share out the samples of each step; the
/// result depends on their number, not on the machine's threads.
public record TrainConfig(
        Schedule schedule, StepSize stepSize, int microTokens, double clip, int evalEvery, int patience, double minDelta,
        int saveEvery, int saveSeconds, int replicas) {
    public TrainConfig {
        if (microTokens < 2 || !(clip >= 0) || evalEvery < 0 || patience < 0 || !(minDelta >= 0) || saveEvery < 0 || saveSeconds < 1
                || replicas < 1) {
            throw new IllegalArgumentException("microTokens " + microTokens + ", clip " + clip + ", evalEvery " + evalEvery
                    + ", patience " + patience + ", minDelta " + minDelta + ", saveEvery " + saveEvery + ", saveSeconds "
                    + saveSeconds + ", replicas " + replicas);
        }
    }

    /// No evaluation stops, a checkpoint every ten minutes.
    public static TrainConfig of(Schedule schedule, StepSize stepSize, int microTokens, double clip) {
        return new TrainConfig(schedule, stepSize, microTokens, clip, 0, 0, 0, 0, 600, 1);
    }

    public TrainConfig withEvals(int every, int evalPatience, double delta) {
        return new TrainConfig(schedule, stepSize, microTokens, clip, every, evalPatience, delta, saveEvery, saveSeconds, replicas);
    }

    public TrainConfig withSaves(int everySteps, int everySeconds) {
        return new TrainConfig(schedule, stepSize, microTokens, clip, evalEvery, patience, minDelta, everySteps, everySeconds, replicas);
    }

    public TrainConfig withMicroTokens(int tokens) {
        return new TrainConfig(schedule, stepSize, tokens, clip, evalEvery, patience, minDelta, saveEvery, saveSeconds, replicas);
    }

    public TrainConfig withReplicas(int count) {
        return new TrainConfig(schedule, stepSize, microTokens, clip, evalEvery, patience, minDelta, saveEvery, saveSeconds, count);
    }
}
