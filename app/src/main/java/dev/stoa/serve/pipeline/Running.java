// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.generate.Event;
import dev.stoa.template.dialect.Block;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// A request between its first token and its trace. Used by the request's thread; ends exactly once, by [#finish]
/// or [#abandon], which release the experts.
public final class Running {
    private final Pipeline pipeline;
    private final PipelineState state;
    private final Exchange exchange;
    private final Block opened;
    private final Instant startedAt = Instant.now();
    private final long generateStartUs;
    private boolean ended;

    Running(Pipeline pipeline, PipelineState state, Exchange exchange, Block opened) {
        this.pipeline = pipeline;
        this.state = state;
        this.exchange = exchange;
        this.opened = opened;
        this.generateStartUs = state.sinceStartUs();
    }

    public PipelineState state() {
        return state;
    }

    public Exchange exchange() {
        return exchange;
    }

    /// The reasoning block that the prompt left open, or null: then every answer begins inside of it.
    public Block opened() {
        return opened;
    }

    public long pingMs() {
        return pipeline.pingMs();
    }

    /// Ends a request whose choices all finished: remembers what was said, releases the experts, writes the trace.
    /// Throws only when the request insisted on being remembered and could not be.
    public Trace finish(List<Answer> answers) {
        Event.Usage usage = Pipeline.sum(answers);
        PipelineState done = generated(StageRow.Status.OK, null, usage.completionTokens() + " tokens");
        boolean cancelled = answers.stream().anyMatch(answer -> answer.reason().equals("cancelled"));
        try {
            if (!cancelled) done = pipeline.remember().run(done, answers, pipeline::rowDone);
        } catch (RuntimeException notRemembered) {
            end(done, "failed", usage);
            throw notRemembered;
        }
        return end(done, cancelled ? "cancelled" : "ok", usage);
    }

    /// Ends a request that failed or whose client left.
    public Trace abandon(String outcome) {
        exchange.cancel();
        StageRow.Status status = outcome.equals("cancelled") ? StageRow.Status.OK : StageRow.Status.FAILED;
        return end(generated(status, outcome, null), outcome, new Event.Usage(0, 0, 0, 0, 0, state.sinceStartUs() / 1000.0));
    }

    private PipelineState generated(StageRow.Status status, String reason, String detail) {
        StageRow row = new StageRow(
                state.rows().size() + 1, "generate", status, reason, generateStartUs, state.sinceStartUs() - generateStartUs, detail);
        if (!ended) pipeline.rowDone(row);
        return state.row(row);
    }

    private Trace end(PipelineState done, String outcome, Event.Usage usage) {
        List<Trace.AppliedExpert> experts = new ArrayList<>();
        for (Mounted.Member member : done.mounted().members()) {
            experts.add(new Trace.AppliedExpert(
                    member.expert().name(), member.expert().version(), member.expert().hash(), member.weight()));
        }
        Trace trace = new Trace(
                done.requestId(), done.tenant(), done.request().model(), startedAt, outcome, done.rows(), experts,
                done.mounted().compose(), done.decision(), done.degraded(), usage.promptTokens(), usage.completionTokens(),
                usage.queueMs(), usage.firstTokenMs(), usage.totalMs());
        if (!ended) {
            ended = true;
            exchange.ended().thenRun(done.mounted()::close);      // the engine may still be in its last step
            pipeline.ended(this, trace);
        }
        return trace;
    }
}
