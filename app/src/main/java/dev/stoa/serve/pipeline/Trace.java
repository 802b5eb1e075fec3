// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.Compose;
import dev.stoa.route.RouteDecision;
import java.time.Instant;
import java.util.List;

/// What happened to one request; holds no prompt and no answer text. `decision` is null when nothing was routed.
public record Trace(
        String requestId, String tenant, String model, Instant startedAt, String outcome, List<StageRow> stages,
        List<AppliedExpert> experts, Compose compose, RouteDecision decision, List<String> degraded, int promptTokens,
        int completionTokens, double queueMs, double firstTokenMs, double totalMs) {

    /// An expert as it was applied.
    public record AppliedExpert(String id, String version, String adapterHash, double weight) {}
}
