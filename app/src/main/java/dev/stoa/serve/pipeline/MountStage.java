// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.generate.Compose;
import dev.stoa.route.ActiveExpert;
import dev.stoa.serve.expert.Experts;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Pins the chosen experts. One the caller named must be there; one the router chose and that has just gone is left out.
final class MountStage implements Stage {
    private final Experts experts;

    MountStage(Experts experts) {
        this.experts = experts;
    }

    @Override
    public String id() {
        return "mount";
    }

    @Override
    public long budgetMs() {
        return 0;
    }

    @Override
    public Outcome run(PipelineState state) {
        boolean forced = !state.forced().isEmpty();
        List<ChatRequest.Wish> wanted = forced ? state.forced() : routed(state);
        if (wanted.isEmpty()) return Outcome.skipped(state, "base");
        List<Mounted.Member> members = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        for (ChatRequest.Wish wish : wanted) {
            Optional<Experts.Hold> hold = experts.acquire(wish.id());
            if (hold.isPresent()) {
                members.add(new Mounted.Member(hold.get(), wish.weight()));
            } else {
                missing.add(wish.id());
            }
        }
        Mounted mounted = new Mounted(members, compose(state, members.size()));
        if (forced && !missing.isEmpty()) {
            mounted.close();
            throw Fault.of(AppFault.ADAPTER_NOT_INSTALLED, "expert \"%s\" is not installed", missing.getFirst()).exception();
        }
        PipelineState next = state.mounted(mounted);
        return missing.isEmpty() ? Outcome.ok(next, mounted.summary()) : Outcome.degraded(next, "not mounted: " + String.join(", ", missing));
    }

    private static List<ChatRequest.Wish> routed(PipelineState state) {
        if (state.decision() == null) return List.of();
        List<ChatRequest.Wish> wishes = new ArrayList<>();
        for (ActiveExpert one : state.decision().active()) wishes.add(new ChatRequest.Wish(one.expertId(), one.weight()));
        return wishes;
    }

    /// What the request says; else what the router measured best; else logits for several experts.
    private static Compose compose(PipelineState state, int count) {
        if (state.request().stoa().compose() != null) return state.request().stoa().compose();
        if (count < 2) return Compose.SUM;
        return state.decision() != null && state.decision().compose() != null ? state.decision().compose() : Compose.LOGITS;
    }
}
