// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CachePool;
import dev.stoa.generate.Generator.Probing;
import dev.stoa.generate.Generator.Scoring;
import dev.stoa.generate.Sequence.Demand;
import dev.stoa.model.DoraFactors;
import dev.stoa.model.Model;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/// Turns requests into sequences: checks everything that can be checked before a request waits, clips its length to
/// the context and spreads combined experts over members. Thread-safe.
final class Intake {
    private static final int INNER_PRIORITY = 5;
    private static final int MOST_TOKENS = 1 << 24; // positions are exact floats up to here
    private final Model model;
    private final int context;
    private final boolean unbounded;
    private final long cacheBudget;
    private final CachePool caches;
    private final AdapterPool adapters;
    private final GenerateTask.Tools tools;
    private final AtomicLong numbers = new AtomicLong();
    private final SecureRandom seeds = new SecureRandom();

    /// `unbounded`: caches forget, so that an answer may outgrow the context.
    Intake(Model model, int context, boolean unbounded, CachePool caches, AdapterPool adapters, GenerateTask.Tools tools) {
        this.model = model;
        this.context = context;
        this.unbounded = unbounded;
        this.caches = caches;
        this.cacheBudget = caches.budget();
        this.adapters = adapters;
        this.tools = tools;
    }

    /// `released` runs when the sequence ends; if this throws, it never does.
    Sequence generation(GenerateRequest request, Context who, Consumer<Event> sink, Runnable released, long now) {
        int[] prompt = checked(request.prompt(), "prompt");
        if (prompt.length >= context) throw overflow(prompt.length, "no room for an answer");
        checkAdapters(request.experts());
        GenerateConfig config = request.config();
        int maxTokens = Math.min(config.maxTokens(), unbounded ? MOST_TOKENS - prompt.length : context - prompt.length);
        Compose compose = plain(request) ? Compose.SUM : request.compose();
        List<AdapterSet> members = new ArrayList<>();
        List<Double> weights = new ArrayList<>();
        if (compose == Compose.SUM) {
            DoraFactors.checkTogether(request.experts());
            members.add(request.experts());
        } else {
            members.add(AdapterSet.BASE);
            for (AdapterSet.Member member : request.experts().members()) {
                members.add(AdapterSet.of(member.adapter()));
                weights.add(member.weight());
            }
        }
        if (request.form() != null) tools.forms().vocabulary(tools.tokenizer());
        long seed = config.seed() != null ? config.seed() : seeds.nextLong();
        GenerateTask task = new GenerateTask(config, compose, weights.stream().mapToDouble(Double::doubleValue).toArray(),
                prompt.length, maxTokens, seed, request.form(), tools, sink, now);
        Demand demand = new Demand(members, prompt.length - 1, layers(), prompt.length + maxTokens - 1);
        return sequence(prompt, demand, task, who, request.priority(), request.experts(), released, now);
    }

    Sequence scoring(Scoring item, boolean wholeTable, Distribution distribution, long now) {
        int[] prompt = checked(item.prompt(), "prompt");
        int[] continuation = checked(item.continuation(), "continuation");
        int length = prompt.length + continuation.length - 1;
        if (length > context) throw overflow(length, "prompt and continuation together");
        checkAdapters(item.experts());
        DoraFactors.checkTogether(item.experts());
        int[] tokens = new int[length];
        System.arraycopy(prompt, 0, tokens, 0, prompt.length);
        System.arraycopy(continuation, 0, tokens, prompt.length, continuation.length - 1);
        ScoreTask task = new ScoreTask(continuation, prompt.length - 1, wholeTable, model.spec().vocab(), distribution);
        Demand demand = new Demand(List.of(item.experts()), prompt.length - 1, layers(), length);
        return sequence(tokens, demand, task, Context.NONE, INNER_PRIORITY, item.experts(), () -> {}, now);
    }

    /// Computes only as many positions and layers as the wanted residuals need.
    Sequence probing(Probing item, long now) {
        int[] prompt = checked(item.prompt(), "prompt");
        if (item.layer() < 0 || item.layer() >= layers()) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "there is no such layer").got(item.layer())
                    .expected("0 to " + (layers() - 1)).exception();
        }
        int last = -1;
        for (int position : item.positions()) {
            if (position < 0 || position >= prompt.length) {
                throw Fault.of(EngineFault.OUT_OF_RANGE, "position outside the prompt").got(position)
                        .expected("0 to " + (prompt.length - 1)).exception();
            }
            last = Math.max(last, position);
        }
        if (last < 0) throw Fault.of(EngineFault.OUT_OF_RANGE, "no position was asked for").exception();
        if (last >= context) throw overflow(last + 1, "up to the last position");
        int[] tokens = Arrays.copyOf(prompt, last + 1);
        ProbeTask task = new ProbeTask(item.layer(), item.positions().clone(), model.spec().hidden());
        Demand demand = new Demand(List.of(AdapterSet.BASE), Integer.MAX_VALUE, item.layer() + 1, tokens.length);
        return sequence(tokens, demand, task, Context.NONE, INNER_PRIORITY, AdapterSet.BASE, () -> {}, now);
    }

    /// A group of one base and one expert at weight 1 is that expert; combining nothing is the base.
    private static boolean plain(GenerateRequest request) {
        List<AdapterSet.Member> experts = request.experts().members();
        return experts.isEmpty() || request.compose() == Compose.LOGITS && experts.size() == 1 && experts.getFirst().weight() == 1;
    }

    private Sequence sequence(int[] tokens, Demand demand, Task task, Context who, int priority, AdapterSet experts,
            Runnable released, long now) {
        long bytes = caches.bytes(demand.capacity()) * demand.members().size();
        if (bytes > cacheBudget) {
            throw Fault.of(EngineFault.MEMORY_LIMIT, "the request needs more cache than the engine may use")
                    .got(bytes + " bytes for " + demand.capacity() + " tokens in " + demand.members().size() + " rows")
                    .expected("at most " + cacheBudget + " bytes").next("lower max_tokens, or raise kvBytes").exception();
        }
        return new Sequence("gen-" + numbers.incrementAndGet(), tokens, demand, task, who == null ? Context.NONE : who,
                priority, now, adapters.lease(experts), released);
    }

    private int layers() {
        return model.spec().layers().size();
    }

    private void checkAdapters(AdapterSet set) {
        for (AdapterSet.Member member : set.members()) AdapterCheck.checkShapes(member.adapter(), model, member.adapter().hash());
    }

    private int[] checked(int[] ids, String what) {
        if (ids == null || ids.length == 0) {
            throw Fault.of(EngineFault.EMPTY_PROMPT, "the %s has no tokens", what).expected("at least one token").exception();
        }
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] >= 0 && ids[i] < model.spec().vocab()) continue;
            throw Fault.of(EngineFault.OUT_OF_RANGE, "token id outside the vocabulary").where(what + "[" + i + "]").got(ids[i])
                    .expected("0 to " + (model.spec().vocab() - 1)).exception();
        }
        return ids;
    }

    private RuntimeException overflow(int tokens, String what) {
        return Fault.of(EngineFault.CONTEXT_LENGTH_EXCEEDED, "the request does not fit the context: %s", what)
                .got(tokens + " tokens").expected("fewer than " + context + " tokens of prompt").next("shorten the prompt").exception();
    }
}
