// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.generate.Event;
import dev.stoa.serve.http.ErrorBody;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.SseWriter;
import dev.stoa.serve.pipeline.ChatRequest;
import dev.stoa.serve.pipeline.Exchange;
import dev.stoa.serve.pipeline.Pipeline;
import dev.stoa.serve.pipeline.Running;
import dev.stoa.serve.pipeline.Trace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One answer as server-sent events, in OpenAI's order: the role, the text, a finish reason per choice, the usage when
/// asked for, `[DONE]`. After the first byte an error is one last frame without `[DONE]`. A ping goes out whenever no
/// token came for a while, which also shows that a client has left; then the generation is cancelled.
final class ChatStream implements Reply.Source {
    private final Running running;
    private final ChatRequest request;
    private final ChatWire wire;
    private final AnswerCollector collector;
    /// Tokens whose text is still held back, per choice; their log-probabilities go out with the next text.
    private final List<List<Event.Token>> pending = new ArrayList<>();

    ChatStream(Running running, ChatWire wire) {
        this.running = running;
        this.request = running.state().request();
        this.wire = wire;
        this.collector = new AnswerCollector(request.choices());
        for (int i = 0; i < request.choices(); i++) pending.add(new ArrayList<>());
    }

    @Override
    public void writeTo(SseWriter out) throws SseWriter.PeerGone {
        try {
            for (int choice = 0; choice < request.choices(); choice++) {
                Map<String, Object> delta = new LinkedHashMap<>();
                delta.put("role", "assistant");
                delta.put("content", "");
                out.data(wire.chunk(choice, delta, null, null, request.includeUsage()));
            }
            while (!collector.complete() && collector.failure() == null) {
                Exchange.Delivery delivery = running.exchange().next(running.pingMs());
                if (delivery == null) out.ping();
                else write(delivery, out);
            }
            collector.requireAnswers();
            end(out);
        } catch (SseWriter.PeerGone gone) {
            running.abandon("cancelled");
            throw gone;
        } catch (FaultException failed) {
            running.abandon("failed");
            out.data(ErrorBody.of(failed.fault(), running.state().requestId()));
        } catch (InterruptedException stopping) {
            running.abandon("cancelled");
            Thread.currentThread().interrupt();
            out.data(ErrorBody.of(Fault.of(AppFault.DRAINING, "the server is shutting down"), running.state().requestId()));
        } catch (RuntimeException bug) {
            running.abandon("failed");
            out.data(ErrorBody.of(Fault.of(AppFault.INTERNAL_ERROR, "something went wrong inside the server"), running.state().requestId()));
            throw bug;
        }
    }

    private void write(Exchange.Delivery delivery, SseWriter out) throws SseWriter.PeerGone {
        collector.accept(delivery);
        int choice = delivery.choice();
        switch (delivery.event()) {
            case Event.Started started -> { }
            case Event.Token token -> {
                pending.get(choice).add(token);
                if (!token.text().isEmpty()) text(choice, token.text(), out);
            }
            case Event.Finished finished -> {
                boolean held = request.sampling().logprobs() >= 0 && !pending.get(choice).isEmpty();
                if (held || !finished.text().isEmpty()) text(choice, finished.text(), out);
            }
            case Event.Failed failed -> { }
        }
    }

    private void text(int choice, String text, SseWriter out) throws SseWriter.PeerGone {
        boolean logprobs = request.sampling().logprobs() >= 0;
        List<Event.Token> shown = List.copyOf(pending.get(choice));
        pending.get(choice).clear();
        out.data(wire.chunk(choice, Map.of("content", text), logprobs ? shown : null, null, request.includeUsage()));
    }

    /// Finish reasons, usage, end. What `x_stoa` reports includes remembering, so that comes before the last chunk;
    /// the answer's text is out by then.
    private void end(SseWriter out) throws SseWriter.PeerGone {
        Trace trace = running.finish(collector.answers());
        Map<String, Object> stoa = request.stoa().given() ? TraceWire.response(trace, request.stoa().explain(), "live") : null;
        int last = request.choices() - 1;
        for (int choice = 0; choice <= last; choice++) {
            Map<String, Object> chunk = wire.chunk(choice, Map.of(), null, collector.answers().get(choice).reason(), request.includeUsage());
            if (stoa != null && choice == last && !request.includeUsage()) chunk.put("x_stoa", stoa);
            out.data(chunk);
        }
        if (request.includeUsage()) {
            Map<String, Object> chunk = wire.usageChunk(Pipeline.sum(collector.answers()));
            if (stoa != null) chunk.put("x_stoa", stoa);
            out.data(chunk);
        }
        out.done();
    }
}
