// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.memory.AppendAck;
import dev.stoa.memory.AppendBatch;
import dev.stoa.memory.MemoryStore;
import dev.stoa.memory.Origin;
import dev.stoa.memory.TenantContext;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// Writes the exchange to memory after the answer. Without being asked it writes only when the request names whose
/// memory it is (a subject, a user or a conversation); otherwise strangers' text would pile up.
final class RememberStage {
    private static final System.Logger LOG = System.getLogger("dev.stoa.serve");
    private final MemoryStore memory;

    /// `memory` may be null.
    RememberStage(MemoryStore memory) {
        this.memory = memory;
    }

    PipelineState run(PipelineState state, List<Answer> answers, Consumer<StageRow> done) {
        long start = state.sinceStartUs();
        ChatRequest.Memory ask = state.request().stoa().memory();
        TenantContext tenant = RecallStage.tenant(state);
        boolean insisted = Boolean.TRUE.equals(ask.write());
        String skip = skip(state, ask, tenant);
        StageRow.Status status = StageRow.Status.SKIPPED;
        String detail = null;
        PipelineState next = state;
        if (skip == null) {
            try {
                AppendAck ack = memory.append(tenant, batch(state, answers, insisted));
                status = StageRow.Status.OK;
                detail = String.join(",", ack.ids());
            } catch (IOException | RuntimeException failed) {
                if (insisted) {
                    throw Fault.of(AppFault.MEMORY_UNAVAILABLE, "the answer could not be remembered: %s", String.valueOf(failed.getMessage()))
                            .where("x_stoa.memory.write").causedBy(failed);
                }
                LOG.log(System.Logger.Level.WARNING, "request=" + state.requestId() + " stage=remember failed: " + failed);
                status = StageRow.Status.DEGRADED;
                skip = failed.getClass().getSimpleName();
                next = state.degraded("memory");
            }
        } else if (insisted) {
            throw Fault.of(AppFault.MEMORY_UNAVAILABLE, "the answer could not be remembered: %s", skip)
                    .where("x_stoa.memory.write").next("start the server with --memory DIR").exception();
        }
        StageRow row = new StageRow(next.rows().size() + 1, "remember", status, skip, start, state.sinceStartUs() - start, detail);
        done.accept(row);
        return next.row(row);
    }

    /// Why nothing is written, or null.
    private String skip(PipelineState state, ChatRequest.Memory ask, TenantContext tenant) {
        if (memory == null) return "no memory";
        if (Boolean.FALSE.equals(ask.write())) return "off";
        if (Boolean.TRUE.equals(ask.write())) return null;
        if (RecallStage.mode(state) == ChatRequest.Memory.Mode.OFF) return "off";
        boolean named = tenant.subject() != null || tenant.conversation() != null;
        return named ? null : "no subject or conversation";
    }

    private static AppendBatch batch(PipelineState state, List<Answer> answers, boolean durable) {
        List<AppendBatch.NewEpisode> said = new ArrayList<>();
        if (!state.question().isBlank()) said.add(new AppendBatch.NewEpisode(Origin.USER, state.question(), null));
        String answer = answers.getFirst().text();
        if (!answer.isBlank()) said.add(new AppendBatch.NewEpisode(Origin.ASSISTANT, answer, null));
        return new AppendBatch(said, List.of(), state.requestId(),
                durable ? AppendBatch.Durability.DURABLE : AppendBatch.Durability.FAST);
    }
}
