// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.memory.RecallResult;
import dev.stoa.route.RouteDecision;
import java.util.ArrayList;
import java.util.List;

/// What is known about a request between two stages. Immutable; each stage returns a new one.
/// `decision` and `recalled` are null until, or unless, their stage ran.
public record PipelineState(
        String requestId, String tenant, ChatRequest request, Selection selection, long startNanos, RouteDecision decision,
        Mounted mounted, RecallResult recalled, List<StageRow> rows, List<String> degraded) {
    public PipelineState {
        rows = List.copyOf(rows);
        degraded = List.copyOf(degraded);
    }

    static PipelineState begin(String requestId, String tenant, ChatRequest request, Selection selection) {
        return new PipelineState(
                requestId, tenant, request, selection, System.nanoTime(), null, Mounted.NONE, null, List.of(), List.of());
    }

    PipelineState decided(RouteDecision value) {
        return new PipelineState(requestId, tenant, request, selection, startNanos, value, mounted, recalled, rows, degraded);
    }

    PipelineState mounted(Mounted value) {
        return new PipelineState(requestId, tenant, request, selection, startNanos, decision, value, recalled, rows, degraded);
    }

    PipelineState recalled(RecallResult value) {
        return new PipelineState(requestId, tenant, request, selection, startNanos, decision, mounted, value, rows, degraded);
    }

    PipelineState row(StageRow row) {
        List<StageRow> more = new ArrayList<>(rows);
        more.add(row);
        return new PipelineState(requestId, tenant, request, selection, startNanos, decision, mounted, recalled, more, degraded);
    }

    PipelineState degraded(String component) {
        if (degraded.contains(component)) return this;
        List<String> more = new ArrayList<>(degraded);
        more.add(component);
        return new PipelineState(requestId, tenant, request, selection, startNanos, decision, mounted, recalled, rows, more);
    }

    /// Microseconds since the request began.
    long sinceStartUs() {
        return (System.nanoTime() - startNanos) / 1000;
    }

    /// The experts the caller named, in `x_stoa` or in the model id; empty when the choice is open.
    public List<ChatRequest.Wish> forced() {
        return selection.experts();
    }

    /// Text of the last user message, or empty.
    public String question() {
        for (int i = request.messages().size() - 1; i >= 0; i--) {
            if (request.messages().get(i).role().equals("user")) return request.messages().get(i).content();
        }
        return "";
    }
}
