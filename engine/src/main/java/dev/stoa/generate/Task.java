// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.Fault;
import dev.stoa.tensor.Tensor;

/// What a sequence is computed for. Called on the engine's thread only; exactly one of [#finish] and [#fail] is the
/// last call.
sealed interface Task permits GenerateTask, ScoreTask, ProbeTask {
    /// No further token: the task is complete.
    int DONE = -1;

    /// The sequence left the queue; the first `cachedTokens` were computed for an earlier one.
    void started(long now, int cachedTokens);

    /// The logits at `position`, one row of `logits` (L, vocab) per member. Returns the next token to append, or [#DONE].
    int logits(int position, Tensor logits, int[] rows, long now);

    /// The layer whose residual is wanted at `position`, or -1.
    int wantedLayer(int position);

    /// A wanted residual (hidden).
    void residual(int position, float[] values);

    /// The end; `reason` is null when the task ran to its own end, else cancelled or timeout.
    void finish(String reason, long now);

    void fail(Fault fault);
}
