// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import java.nio.file.Path;
import java.util.List;

/// How a run ended. `output` is the written model or adapter directory, null unless it ended well; `scores` are those
/// of the chosen step, empty without evaluation sets.
public record TrainResult(
        Status status, int steps, int chosenStep, double loss, List<EvalSet.Score> scores, long tokens, long trainedTokens,
        double seconds, double tokensPerSecond, int skippedWindows, Path output) {
    /// Exit codes of `expert train`.
    public enum Status {
        FINISHED(0), STOPPED_EARLY(0), DIVERGED(5), INTERRUPTED(130);

        private final int exitCode;

        Status(int exitCode) {
            this.exitCode = exitCode;
        }

        public int exitCode() {
            return exitCode;
        }
    }
}
