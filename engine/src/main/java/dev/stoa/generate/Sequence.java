// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.CacheStack;
import dev.stoa.cache.PrefixCache;
import java.util.Arrays;
import java.util.List;

/// One admitted piece of work: its tokens so far, how many of them every member has computed, and the caches.
///
/// A member is one row per position: a plain request has one, a group that combines experts has the base and one per
/// expert, all fed the same tokens. Owned by the engine's thread once submitted; the scheduler reads the counts.
final class Sequence {
    enum State { WAITING, PREFILL, DECODE, FINISHED }

    /// What the work asks of the model. Logits are computed at every position from `firstLogit` on, and rows run through
    /// `layers` layers; `capacity` tokens are the most the sequence can reach.
    record Demand(List<AdapterSet> members, int firstLogit, int layers, int capacity) {}

    final String id;
    final Task task;
    final Demand demand;
    final Context context;
    final int priority;
    final long arrivalNanos;
    final int promptTokens;
    private int[] tokens;
    private int length;
    private int computed;
    private final List<AdapterPool.Lease> leases;
    private final Runnable released;
    private List<CacheStack> caches = List.of();
    /// Names of the blocks of each member's tokens; empty when nothing of them may be kept.
    List<PrefixCache.Chain> chains = List.of();
    boolean published;
    private State state = State.WAITING;

    /// `leases` are closed and `released` is run when the sequence ends, however it ends.
    Sequence(String id, int[] prompt, Demand demand, Task task, Context context, int priority, long arrivalNanos,
            List<AdapterPool.Lease> leases, Runnable released) {
        this.id = id;
        this.tokens = prompt.clone();
        this.length = prompt.length;
        this.promptTokens = prompt.length;
        this.demand = demand;
        this.task = task;
        this.context = context;
        this.priority = priority;
        this.arrivalNanos = arrivalNanos;
        this.leases = leases;
        this.released = released;
    }

    int members() {
        return demand.members().size();
    }

    State state() {
        return state;
    }

    /// Takes the caches of all members; prefill begins.
    void admit(List<CacheStack> stacks) {
        caches = stacks;
        state = State.PREFILL;
    }

    /// Leaves the engine: closes the leases, frees the place in the queue and returns the caches to give back.
    List<CacheStack> release() {
        if (state == State.FINISHED) throw new IllegalStateException(id + " ended twice");
        state = State.FINISHED;
        List<CacheStack> stacks = caches;
        caches = List.of();
        for (AdapterPool.Lease lease : leases) lease.close();
        released.run();
        return stacks;
    }

    /// Whether a member computes with this adapter.
    boolean uses(Adapter adapter) {
        for (AdapterSet set : demand.members()) {
            for (AdapterSet.Member member : set.members()) if (member.adapter() == adapter) return true;
        }
        return false;
    }

    CacheStack cache(int member) {
        return caches.get(member);
    }

    int token(int position) {
        return tokens[position];
    }

    /// Positions every member has computed.
    int computed() {
        return computed;
    }

    /// Positions known but not computed yet.
    int remaining() {
        return length - computed;
    }

    /// How many of the next `count` positions want logits.
    int logitsIn(int count) {
        return Math.max(0, computed + count - Math.max(computed, demand.firstLogit()));
    }

    void advance(int count) {
        computed += count;
        if (computed >= promptTokens) state = State.DECODE;
    }

    void append(int token) {
        if (length == tokens.length) tokens = Arrays.copyOf(tokens, Math.max(16, tokens.length * 2));
        tokens[length++] = token;
    }
}
