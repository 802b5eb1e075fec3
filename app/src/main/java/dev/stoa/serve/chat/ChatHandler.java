// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.serve.http.Ids;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.Request;
import dev.stoa.serve.http.Route;
import dev.stoa.serve.pipeline.Pipeline;
import dev.stoa.serve.pipeline.PipelineState;
import dev.stoa.serve.pipeline.Running;
import dev.stoa.serve.pipeline.Trace;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.token.Tokenizer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// `POST /v1/chat/completions`: the whole answer at once, or a stream of its tokens.
public final class ChatHandler implements Route.Handler {
    private final Pipeline pipeline;
    private final Tokenizer tokenizer;
    private final String fingerprint;
    private final Dialect dialect;

    public ChatHandler(Pipeline pipeline, Tokenizer tokenizer, String fingerprint, Dialect dialect) {
        this.pipeline = pipeline;
        this.tokenizer = tokenizer;
        this.fingerprint = fingerprint;
        this.dialect = dialect;
    }

    @Override
    public Reply handle(Request request) throws InterruptedException {
        ChatParser.Parsed parsed = ChatParser.parse(request.body());
        Running running = pipeline.start(parsed.request(), request.id(), request.tenant());
        ChatWire wire = new ChatWire(
                Ids.random("chatcmpl-", 24), System.currentTimeMillis() / 1000, parsed.request().model(), fingerprint, tokenizer);
        Map<String, String> headers = headers(parsed.ignored(), running.state());
        if (parsed.request().stream()) return new Reply.Events(headers, out -> new ChatStream(running, wire, dialect).writeTo(out));
        return buffered(running, wire, dialect).with(headers);
    }

    private static Reply buffered(Running running, ChatWire wire, Dialect dialect) throws InterruptedException {
        AnswerCollector collector = new AnswerCollector(running, dialect);
        try {
            while (!collector.complete()) {
                var delivery = running.exchange().next(running.pingMs());
                if (delivery != null) collector.accept(delivery);
            }
            collector.requireAnswers();
        } catch (RuntimeException | InterruptedException failed) {
            running.abandon("failed");
            throw failed;
        }
        Trace trace = running.finish(collector.answers());
        var options = running.state().request().stoa();
        Map<String, Object> stoa = options.given() ? TraceWire.response(trace, options.explain(), "buffered", collector.answers()) : null;
        boolean logprobs = running.state().request().sampling().logprobs() >= 0;
        Reply reply = Reply.json(wire.completion(collector.answers(), logprobs, stoa));
        return reply.with(Map.of("openai-processing-ms", Long.toString(Math.round(trace.totalMs()))));
    }

    private static Map<String, String> headers(List<String> ignored, PipelineState state) {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("x-stoa-adapters", state.mounted().summary());
        if (!state.degraded().isEmpty()) headers.put("x-stoa-degraded", String.join(",", state.degraded()));
        if (!ignored.isEmpty()) {
            List<String> shown = ignored.stream().limit(20).map(name -> name.replaceAll("[^A-Za-z0-9._-]", "?")).toList();
            headers.put("x-stoa-ignored", String.join(",", shown));
        }
        return headers;
    }
}
