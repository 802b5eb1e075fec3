// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.memory.MemoryBlock;
import dev.stoa.memory.MemoryStore;
import dev.stoa.memory.RecallQuery;
import dev.stoa.memory.RecallResult;
import dev.stoa.memory.TenantContext;
import dev.stoa.template.Message;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;

/// Looks for what memory holds on the question. Off for the base's id unless asked for; `force` without a memory is
/// refused, because it was asked for by name.
final class RecallStage implements Stage {
    private static final SecureRandom FENCES = new SecureRandom();
    private final MemoryStore memory;
    private final long budgetMs;

    /// `memory` may be null.
    RecallStage(MemoryStore memory, long budgetMs) {
        this.memory = memory;
        this.budgetMs = budgetMs;
    }

    @Override
    public String id() {
        return "recall";
    }

    @Override
    public long budgetMs() {
        return budgetMs;
    }

    @Override
    public Outcome run(PipelineState state) {
        ChatRequest.Memory.Mode mode = mode(state);
        if (mode == ChatRequest.Memory.Mode.OFF) return Outcome.skipped(state, "off");
        if (memory == null) {
            if (mode != ChatRequest.Memory.Mode.FORCE) return Outcome.skipped(state, "no memory");
            throw Fault.of(AppFault.MEMORY_UNAVAILABLE, "this server has no memory").where("x_stoa.memory")
                    .next("start it with --memory DIR").exception();
        }
        String question = state.question();
        if (question.isBlank()) return Outcome.skipped(state, "no question");
        RecallQuery query = RecallQuery.of(question).k(state.request().stoa().memory().k())
                .gated(mode != ChatRequest.Memory.Mode.FORCE);
        RecallResult found = memory.recall(tenant(state), query);
        if (found.items().isEmpty()) return Outcome.skipped(state.recalled(found), found.gated() ? "nothing relevant" : "nothing found");
        return Outcome.ok(state.recalled(found), found.items().size() + " items");
    }

    static ChatRequest.Memory.Mode mode(PipelineState state) {
        ChatRequest.Memory.Mode mode = state.request().stoa().memory().mode();
        if (mode != null) return mode;
        return state.selection().equals(Selection.BASE) ? ChatRequest.Memory.Mode.OFF : ChatRequest.Memory.Mode.AUTO;
    }

    static TenantContext tenant(PipelineState state) {
        ChatRequest.Memory ask = state.request().stoa().memory();
        String subject = ask.subject() == null ? state.request().user() : ask.subject();
        return TenantContext.of(state.tenant()).subject(subject).conversation(ask.conversation());
    }

    /// The messages with what was recalled, fenced, at the head of the last user message: data in the user's role.
    static List<Message> insert(List<Message> messages, RecallResult recalled, MemoryBlock block) {
        if (recalled == null || recalled.items().isEmpty()) return messages;
        String text = block.render(recalled, MemoryBlock.BUDGET_TOKENS, FENCES.nextInt());
        List<Message> all = new ArrayList<>(messages);
        for (int i = all.size() - 1; i >= 0 && !text.isEmpty(); i--) {
            if (!all.get(i).role().equals("user")) continue;
            all.set(i, all.get(i).withContent(text + all.get(i).content()));
            return all;
        }
        return messages;
    }
}
