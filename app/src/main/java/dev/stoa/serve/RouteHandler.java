// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.route.RouteDecision;
import dev.stoa.route.RouteOptions;
import dev.stoa.route.RouteReason;
import dev.stoa.route.RouteRequest;
import dev.stoa.route.Router;
import dev.stoa.serve.chat.ChatParser;
import dev.stoa.serve.chat.TraceWire;
import dev.stoa.serve.http.Fields;
import dev.stoa.serve.http.Json;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.Request;
import dev.stoa.template.Message;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// `POST /v1/route`: which experts a question would get, without answering it. Without a router: the base.
final class RouteHandler {
    private static final int MAX_BODY = 1 << 20;
    private final Router router;

    /// `router` may be null.
    RouteHandler(Router router) {
        this.router = router;
    }

    Reply handle(Request request) {
        if (request.body().length > MAX_BODY) {
            throw Fault.of(AppFault.REQUEST_TOO_LARGE, "the body is too large").got(request.body().length + " bytes").expected("at most 1 MiB").exception();
        }
        Fields.Problems problems = new Fields.Problems();
        Fields fields = new Fields(Json.object(request.body()), "", problems);
        String query = fields.string("query");
        boolean conversation = query == null && fields.has("messages");
        List<Message> messages = conversation ? ChatParser.messages(fields) : List.of(new Message("user", query == null ? "" : query));
        Double threshold = fields.number("threshold", Double.NEGATIVE_INFINITY, false, Double.MAX_VALUE);
        Integer topK = fields.integer("top_k", Integer.MIN_VALUE, Integer.MAX_VALUE);
        boolean explain = Boolean.TRUE.equals(fields.bool("explain"));
        fields.refuseUnread(List.of("query", "messages", "threshold", "top_k", "explain"));
        if (!conversation && (query == null || query.isBlank())) {
            problems.add(Fault.of(AppFault.EMPTY_QUERY, "there is nothing to route").where("query").expected("a question, or messages"));
        }
        problems.raise();
        RouteOptions options = RouteOptions.DEFAULT.withExplain(true);
        if (threshold != null) options = options.withThreshold(threshold);
        if (topK != null) options = options.withTopK(topK);
        long start = System.nanoTime();
        RouteDecision decision = router == null
                ? RouteDecision.base(0, RouteReason.ROUTER_UNAVAILABLE)
                : router.route(new RouteRequest(request.tenant(), null, messages, options));
        Map<String, Object> body = new LinkedHashMap<>();
        if (query != null) body.put("query", query);
        body.putAll(TraceWire.decision(decision, explain));
        body.put("took_ms", (System.nanoTime() - start) / 10_000 / 100.0);
        return Reply.json(body);
    }
}
