// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.cache.PrefixCache;
import dev.stoa.model.Model;
import dev.stoa.tensor.Ledger;
import java.util.List;

/// Takes the beginnings of prompts from the prefix cache, and gives it what was computed. Members of a group share the
/// position they begin at, so what all of them find counts. Engine's thread only.
final class PromptReuse implements AutoCloseable {
    static final int BLOCK_TOKENS = 256;
    private final PrefixCache cache;
    private final int layers;

    /// The cache is this engine's own and of its model alone, so the identity needs only what else changes bits.
    PromptReuse(Model model, LoadConfig config, Ledger ledger) {
        List<String> identity = List.of(model.kernels().id(), config.cacheMode(), config.arithmetic().name());
        this.cache = config.prefixBytes() == 0 ? null : new PrefixCache(identity, BLOCK_TOKENS, config.prefixBytes(), ledger);
        this.layers = model.spec().layers().size();
    }

    /// Work that runs through some layers only, and stacks with states that cannot be cut into tokens, neither take nor leave
    /// anything. Begins a sequence, which has just got its empty caches, after the tokens that were computed before. A position whose
    /// logits or hidden states are wanted is always computed.
    void restore(Sequence sequence) {
        if (cache == null || sequence.demand.layers() < layers || !sequence.cache(0).keepsTokens()) return;
        int limit = limit(sequence);
        sequence.chains = sequence.demand.members().stream().map(set -> cache.chain(descriptor(set))).toList();
        int found = cache.find(sequence.chains, sequence::token, limit);
        if (found == 0) return;
        for (int member = 0; member < sequence.members(); member++) {
            cache.restore(sequence.chains.get(member), sequence::token, found, sequence.cache(member));
        }
        sequence.advance(found);
    }

    private static int limit(Sequence sequence) {
        int limit = Math.min(sequence.demand.firstLogit(), sequence.promptTokens - 1);
        for (int position = 0; position < limit; position++) if (sequence.task.wantedLayer(position) >= 0) return position;
        return limit;
    }

    /// Keeps a prompt once it is computed, so that requests beside it find it.
    void prefilled(Sequence sequence) {
        if (sequence.published || sequence.state() != Sequence.State.DECODE) return;
        sequence.published = true;
        publish(sequence);
    }

    /// Keeps what a sequence has computed so far; one that has ended is left alone.
    void publish(Sequence sequence) {
        if (sequence.state() == Sequence.State.FINISHED) return;
        for (int member = 0; member < sequence.chains.size(); member++) {
            cache.publish(sequence.chains.get(member), sequence::token, sequence.computed(), sequence.cache(member));
        }
    }

    /// Adapters by content, with the bits of their weights; sets are sorted and hold no weight 0.
    static String descriptor(AdapterSet set) {
        if (set.members().isEmpty()) return "none";
        StringBuilder text = new StringBuilder();
        for (AdapterSet.Member member : set.members()) {
            text.append(member.adapter().hash()).append(' ').append(Long.toHexString(Double.doubleToLongBits(member.weight()))).append('\n');
        }
        return text.toString();
    }

    PrefixCache.Stats stats() {
        return cache == null ? PrefixCache.Stats.NONE : cache.stats();
    }

    @Override
    public void close() {
        if (cache != null) cache.close();
    }
}
