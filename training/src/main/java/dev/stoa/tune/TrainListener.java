// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import java.util.List;

/// Follows a run, for progress lines and for stopping it. Called on the training thread between steps.
public interface TrainListener {
    TrainListener NONE = new TrainListener() {};

    /// One optimizer step that was applied. Loss is the weighted mean of the step in nat, `rate` the factor on the peak
    /// learning rate, `norm` the gradient norm before clipping.
    record Step(int step, int steps, double epoch, double loss, double rate, double norm, boolean clipped, long tokens,
            long trainedTokens, double tokensPerSecond) {}

    /// Before the first step, also on resume.
    default void onPlan(TrainPlan plan) {}

    default void onStep(Step step) {}

    default void onEval(int step, List<EvalSet.Score> scores, boolean best) {}

    /// A dropped window, a restored or written checkpoint, a resume: one sentence.
    default void onNotice(int step, String kind, String text) {}

    /// Asked after every step; true ends the run at this safe point after a checkpoint.
    default boolean stopRequested() {
        return false;
    }
}
