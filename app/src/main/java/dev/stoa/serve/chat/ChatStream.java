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
import dev.stoa.serve.pipeline.Running;
import dev.stoa.serve.pipeline.Trace;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.template.dialect.Output;
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
    /// How many visible tokens' log-probabilities are out, per choice; the others go out with the next text.
    private final int[] told;
    private long lastWrite;

    ChatStream(Running running, ChatWire wire, Dialect dialect) {
        this.running = running;
        this.request = running.state().request();
        this.wire = wire;
        this.collector = new AnswerCollector(running, dialect);
        this.told = new int[request.choices()];
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
            lastWrite = System.nanoTime();
            while (!collector.complete() && collector.failure() == null) {
                Exchange.Delivery delivery = running.exchange().next(running.pingMs());
                if (delivery != null) write(delivery, out);
                // hidden thinking is silence to the client
                if (delivery == null || System.nanoTime() - lastWrite > running.pingMs() * 1_000_000) {
                    out.ping();
                    lastWrite = System.nanoTime();
                }
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
        int choice = delivery.choice();
        for (Output piece : collector.accept(delivery)) write(choice, piece, out);
        boolean held = request.sampling().logprobs() >= 0 && collector.visible(choice).size() > told[choice];
        if (held && delivery.event() instanceof Event.Finished) write(choice, new Output.Text(""), out);
    }

    private void write(int choice, Output piece, SseWriter out) throws SseWriter.PeerGone {
        List<Event.Token> shown = null;
        if (piece instanceof Output.Text && request.sampling().logprobs() >= 0) {
            List<Event.Token> all = collector.visible(choice);
            shown = List.copyOf(all.subList(told[choice], all.size()));
            told[choice] = all.size();
        }
        out.data(wire.chunk(choice, ChatWire.delta(piece), shown, null, request.includeUsage()));
        lastWrite = System.nanoTime();
    }

    /// Finish reasons, usage, end. What `x_stoa` reports includes remembering, so that comes before the last chunk;
    /// the answer's text is out by then.
    private void end(SseWriter out) throws SseWriter.PeerGone {
        Trace trace = running.finish(collector.answers());
        Map<String, Object> stoa = request.stoa().given() ? TraceWire.response(trace, request.stoa().explain(), "live", collector.answers()) : null;
        int last = request.choices() - 1;
        for (int choice = 0; choice <= last; choice++) {
            Map<String, Object> chunk = wire.chunk(choice, Map.of(), null, collector.answers().get(choice).reason(), request.includeUsage());
            if (stoa != null && choice == last && !request.includeUsage()) chunk.put("x_stoa", stoa);
            out.data(chunk);
        }
        if (request.includeUsage()) {
            Map<String, Object> chunk = wire.usageChunk(collector.answers());
            if (stoa != null) chunk.put("x_stoa", stoa);
            out.data(chunk);
        }
        out.done();
    }
}
