// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.route.RouteDecision;
import dev.stoa.route.RouteOptions;
import dev.stoa.route.RouteReason;
import dev.stoa.route.RouteRequest;
import dev.stoa.route.Router;
import java.util.List;
import java.util.stream.Collectors;

/// Chooses experts. Off for the base's id and when experts were named; without a router the base answers.
final class RouteStage implements Stage {
    private final Router router;
    private final long budgetMs;

    /// `router` may be null.
    RouteStage(Router router, long budgetMs) {
        this.router = router;
        this.budgetMs = budgetMs;
    }

    @Override
    public String id() {
        return "route";
    }

    @Override
    public long budgetMs() {
        return budgetMs;
    }

    @Override
    public Outcome run(PipelineState state) {
        ChatRequest.Options options = state.request().stoa();
        if (!state.forced().isEmpty()) return Outcome.skipped(state, RouteReason.FORCED.id());
        ChatRequest.Routing mode = options.route();
        if (mode == null) mode = state.selection().pipeline() ? ChatRequest.Routing.AUTO : ChatRequest.Routing.OFF;
        if (mode == ChatRequest.Routing.OFF) return Outcome.skipped(state, "off");
        if (router == null) return Outcome.skipped(state, RouteReason.ROUTER_UNAVAILABLE.id());
        RouteOptions.Breadth breadth = mode == ChatRequest.Routing.TOP1 ? RouteOptions.Breadth.SINGLE : RouteOptions.Breadth.AUTO;
        RouteOptions ask = new RouteOptions(null, RouteOptions.LIMIT, breadth, List.of(), options.compose(), true);
        String conversation = options.memory().conversation();
        RouteDecision decision = router.route(new RouteRequest(state.tenant(), conversation, state.request().messages(), ask));
        PipelineState next = state.decided(decision);
        if (decision.reason() == RouteReason.ROUTER_UNAVAILABLE) return Outcome.degraded(next, decision.reason().id());
        return Outcome.ok(next, sentence(decision));
    }

    static String sentence(RouteDecision decision) {
        if (decision.trace() != null && decision.trace().sentence() != null) return decision.trace().sentence();
        if (decision.fallback()) return "base: " + decision.reason().id();
        return decision.active().stream().map(one -> "%s (%.2f)".formatted(one.expertId(), one.p())).collect(Collectors.joining(" and ")) + " mounted";
    }
}
