// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.route.ActiveExpert;
import dev.stoa.route.LabelScore;
import dev.stoa.route.RouteDecision;
import dev.stoa.serve.pipeline.Answer;
import dev.stoa.serve.pipeline.StageRow;
import dev.stoa.serve.pipeline.Trace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Traces and routing decisions as JSON, the same in `x_stoa`, `/v1/route` and `/v1/requests/{id}/trace`.
public final class TraceWire {
    private TraceWire() {}

    /// The `x_stoa` object of a response; with `explain` also the routing trace and the stages.
    static Map<String, Object> response(Trace trace, boolean explain, String streamMode, List<Answer> answers) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("request_id", trace.requestId());
        body.put("experts", experts(trace));
        body.put("compose", trace.compose().name().toLowerCase(Locale.ROOT));
        body.put("stream_mode", streamMode);
        body.put("degraded", trace.degraded());
        body.put("timing_ms", timing(trace));
        if (answers.stream().anyMatch(answer -> answer.parts().truncated())) body.put("thinking_truncated", true);
        if (explain) {
            body.put("route", trace.decision() == null ? null : decision(trace.decision(), true));
            body.put("stages", stages(trace.stages()));
        }
        return body;
    }

    /// The whole trace of a request.
    public static Map<String, Object> trace(Trace trace) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("request_id", trace.requestId());
        body.put("model", trace.model());
        body.put("started_at", trace.startedAt().toString());
        body.put("outcome", trace.outcome());
        body.put("stages", stages(trace.stages()));
        body.put("experts", experts(trace));
        body.put("compose", trace.compose().name().toLowerCase(Locale.ROOT));
        body.put("route", trace.decision() == null ? null : decision(trace.decision(), true));
        body.put("degraded", trace.degraded());
        body.put("usage", Map.of("prompt_tokens", trace.promptTokens(), "completion_tokens", trace.completionTokens()));
        body.put("timing_ms", timing(trace));
        return body;
    }

    private static Map<String, Object> timing(Trace trace) {
        Map<String, Object> timing = new LinkedHashMap<>();
        timing.put("queue", round(trace.queueMs()));
        timing.put("first_token", round(trace.firstTokenMs()));
        timing.put("total", round(trace.totalMs()));
        return timing;
    }

    private static List<Map<String, Object>> experts(Trace trace) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (Trace.AppliedExpert expert : trace.experts()) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("id", expert.id());
            one.put("version", expert.version());
            one.put("adapter_hash", expert.adapterHash());
            one.put("weight", expert.weight());
            all.add(one);
        }
        return all;
    }

    private static List<Map<String, Object>> stages(List<StageRow> rows) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (StageRow row : rows) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("seq", row.seq());
            one.put("id", row.id());
            one.put("status", row.status().name().toLowerCase(Locale.ROOT));
            one.put("reason", row.reason());
            one.put("start_us", row.startUs());
            one.put("dur_us", row.durUs());
            one.put("detail", row.detail());
            all.add(one);
        }
        return all;
    }

    /// A routing decision; `explain` adds every label with its threshold and what became of it.
    public static Map<String, Object> decision(RouteDecision decision, boolean explain) {
        Map<String, Object> body = new LinkedHashMap<>();
        List<Map<String, Object>> domains = new ArrayList<>();
        for (LabelScore label : decision.domains()) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("name", label.label());
            one.put("score", label.p());
            one.put("expert", label.expert());
            domains.add(one);
        }
        List<Map<String, Object>> active = new ArrayList<>();
        for (ActiveExpert expert : decision.active()) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("expert", expert.expertId());
            one.put("version", expert.version());
            one.put("weight", expert.weight());
            active.add(one);
        }
        body.put("domains", domains);
        body.put("fallback", decision.fallback());
        body.put("reason", decision.reason().id());
        body.put("active", active);
        body.put("compose", decision.compose() == null ? null : decision.compose().name().toLowerCase(Locale.ROOT));
        body.put("router_version", decision.stateVersion());
        body.put("certified", decision.trace() != null && decision.trace().abstain() != null && decision.trace().abstain().certified());
        if (explain && decision.trace() != null) {
            body.put("sentence", decision.trace().sentence());
            body.put("feature_source", decision.trace().featureSource());
            body.put("base_p", decision.trace().baseP());
            body.put("labels", labels(decision.trace().labels()));
            body.put("abstain", decision.trace().abstain());
            body.put("took_us", decision.trace().took());
            body.put("pairs", decision.trace().pairs());
        }
        return body;
    }

    private static List<Map<String, Object>> labels(List<LabelScore> scores) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (LabelScore label : scores) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("name", label.label());
            one.put("p", label.p());
            one.put("threshold", label.threshold());
            one.put("signals", Map.of("head", label.headLogit()));
            one.put("kept", label.kept());
            one.put("dropped_by", label.droppedBy());
            all.add(one);
        }
        return all;
    }

    private static double round(double ms) {
        return Math.round(ms * 100) / 100.0;
    }
}
