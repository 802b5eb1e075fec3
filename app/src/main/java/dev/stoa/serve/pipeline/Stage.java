// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

/// One step before the answer. Returns what changed and one line for the trace; an exception means that the stage
/// failed, which only degrades the request, unless it is a fault about something the caller asked for by name.
sealed interface Stage permits RouteStage, MountStage, RecallStage {
    /// The name in traces and in `degraded`.
    String id();

    /// The longest time the stage may take; 0 runs it without limit on the request's own thread.
    long budgetMs();

    Outcome run(PipelineState state) throws Exception;

    /// `status` OK, SKIPPED or DEGRADED.
    record Outcome(PipelineState state, StageRow.Status status, String reason, String detail) {
        static Outcome ok(PipelineState state, String detail) {
            return new Outcome(state, StageRow.Status.OK, null, detail);
        }

        static Outcome skipped(PipelineState state, String reason) {
            return new Outcome(state, StageRow.Status.SKIPPED, reason, null);
        }

        static Outcome degraded(PipelineState state, String reason) {
            return new Outcome(state, StageRow.Status.DEGRADED, reason, null);
        }
    }
}
