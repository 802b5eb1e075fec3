// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import java.util.List;

/// Decides after each evaluation how good the weights are and whether the run goes on. Must be a pure function of its
/// arguments, or resumed runs differ.
@FunctionalInterface
public interface Judge {
    Verdict judge(int step, List<EvalSet.Score> scores);

    /// `value` is better when lower; the checkpoint with the lowest is the result of the run.
    record Verdict(double value, Next next, int landingSteps) {
        public static Verdict go(double value) {
            return new Verdict(value, Next.CONTINUE, 0);
        }

        public static Verdict stop(double value) {
            return new Verdict(value, Next.STOP, 0);
        }

        /// Let the learning rate decay over `steps` more steps, then end.
        public static Verdict land(double value, int steps) {
            return new Verdict(value, Next.LAND, steps);
        }
    }

    enum Next { CONTINUE, LAND, STOP }

    /// The loss of the first set.
    static Judge byLoss() {
        return (step, scores) -> Verdict.go(scores.getFirst().loss());
    }

    /// The error share of the first set; ends the run once `target` of its samples are exact.
    static Judge byExact(double target) {
        return (step, scores) -> {
            double error = 1 - scores.getFirst().exact();
            return scores.getFirst().exact() >= target ? Verdict.stop(error) : Verdict.go(error);
        };
    }
}
