// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;

/// What sequences computed for the beginnings of their prompts, kept in blocks of tokens for the next prompt that begins so.
///
/// A block's name hashes the model, the adapters and every token from the first to its last, so that equal names mean equal
/// bits and no change of an adapter or a setting can find an old block. Only full blocks are kept; the least recently used
/// goes first, and never one that others continue. Memory is taken as blocks come, up to the budget, and returned on close.
/// For one thread.
public final class PrefixCache implements AutoCloseable {
    /// `hits` and `misses` count blocks that prompts asked for; `restoredTokens` what they did not have to compute,
    /// `restoreMillis` what copying it took.
    public record Stats(int blocks, long bytes, long hits, long misses, long evictions, long restoredTokens, double restoreMillis) {
        public static final Stats NONE = new Stats(0, 0, 0, 0, 0, 0, 0);
    }

    private record Id(long a, long b, long c, long d) {}

    private static final class Entry {
        final Entry parent;
        final MemorySegment payload;
        int children;

        Entry(Entry parent, MemorySegment payload) {
            this.parent = parent;
            this.payload = payload;
        }
    }

    private final int blockTokens;
    private final long budget;
    private final Scope scope;
    private final byte[] root;
    /// Least recently used first.
    private final Map<Id, Entry> entries = new LinkedHashMap<>(64, 0.75f, true);
    private final ArrayDeque<MemorySegment> free = new ArrayDeque<>();
    private long bytes;
    private long hits;
    private long misses;
    private long evictions;
    private long restoredTokens;
    private long restoreNanos;

    /// `identity` names everything but tokens and adapters that a block's bits depend on; no part may be empty.
    public PrefixCache(List<String> identity, int blockTokens, long budget, Ledger ledger) {
        if (blockTokens < 1 || budget < 0 || identity.isEmpty() || identity.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("block " + blockTokens + ", budget " + budget + ", identity " + identity);
        }
        this.blockTokens = blockTokens;
        this.budget = budget;
        this.scope = ledger.scope("prefix cache");
        MessageDigest digest = sha256();
        digest.update("stoa-kv-1".getBytes(StandardCharsets.UTF_8));
        for (String field : identity) {
            byte[] text = field.getBytes(StandardCharsets.UTF_8);
            digest.update(little(1).putInt(0, text.length).array());
            digest.update(text);
        }
        this.root = digest.digest();
    }

    /// The names of one sequence's blocks, computed as its tokens become known.
    public final class Chain {
        private final byte[] descriptor;
        private final List<Id> ids = new ArrayList<>();
        private byte[] last = root;

        private Chain(String descriptor) {
            this.descriptor = sha256().digest(descriptor.getBytes(StandardCharsets.UTF_8));
        }

        private void extend(IntUnaryOperator token, int blocks) {
            for (int block = ids.size(); block < blocks; block++) {
                ByteBuffer tokens = little(1 + blockTokens).putInt(blockTokens);
                for (int i = 0; i < blockTokens; i++) tokens.putInt(token.applyAsInt(block * blockTokens + i));
                MessageDigest digest = sha256();
                digest.update(last);
                digest.update(descriptor);
                last = digest.digest(tokens.array());
                ByteBuffer id = ByteBuffer.wrap(last);
                ids.add(new Id(id.getLong(), id.getLong(), id.getLong(), id.getLong()));
            }
        }
    }

    /// `descriptor` names the adapters of the sequence and their weights.
    public Chain chain(String descriptor) {
        return new Chain(descriptor);
    }

    /// How many tokens from the first on are stored for all chains of one request, each over the tokens that `token` gives; at
    /// most `limit`. Counts hits and misses.
    public int find(List<Chain> chains, IntUnaryOperator token, int limit) {
        int asked = limit / blockTokens, found = asked;
        for (Chain chain : chains) {
            chain.extend(token, asked);
            int stored = 0;
            while (stored < found && entries.containsKey(chain.ids.get(stored))) stored++;
            found = stored;
        }
        hits += (long) found * chains.size();
        misses += (long) (asked - found) * chains.size();
        return found * blockTokens;
    }

    /// Copies the first `tokens` tokens, which [#find] answered, into an empty stack.
    public void restore(Chain chain, int tokens, CacheStack stack) {
        long start = System.nanoTime();
        for (int block = 0; block < tokens / blockTokens; block++) {
            stack.load(block * blockTokens, (block + 1) * blockTokens, entries.get(chain.ids.get(block)).payload);
        }
        for (int block = tokens / blockTokens - 1; block >= 0; block--) entries.get(chain.ids.get(block)); // parents last: used most recently
        restoredTokens += tokens;
        restoreNanos += System.nanoTime() - start;
    }

    /// Keeps the full blocks among the stack's first `tokens` tokens. A stack with states that cannot be cut into tokens
    /// leaves nothing here.
    public void publish(Chain chain, IntUnaryOperator token, int tokens, CacheStack stack) {
        int blocks = tokens / blockTokens;
        long size = blocks == 0 ? -1 : stack.blockBytes(blockTokens);
        if (size < 0 || size > budget) return;
        chain.extend(token, blocks);
        Entry parent = null;
        for (int block = 0; block < blocks; block++) {
            Id id = chain.ids.get(block);
            Entry entry = entries.get(id);
            if (entry == null) {
                MemorySegment payload = take(size, parent);
                if (payload == null) return;
                stack.save(block * blockTokens, (block + 1) * blockTokens, payload);
                entry = new Entry(parent, payload);
                entries.put(id, entry);
                if (parent != null) parent.children++;
            }
            parent = entry;
        }
    }

    /// Memory for a block that continues `parent`, or null when nothing can go to make room.
    private MemorySegment take(long size, Entry parent) {
        if (free.isEmpty() && bytes + size <= budget) {
            bytes += size;
            return scope.allocate(size);
        }
        if (free.isEmpty()) evict(parent);
        return free.poll();
    }

    private void evict(Entry needed) {
        for (Iterator<Entry> oldest = entries.values().iterator(); oldest.hasNext();) {
            Entry entry = oldest.next();
            if (entry.children > 0 || entry == needed) continue;
            oldest.remove();
            if (entry.parent != null) entry.parent.children--;
            free.add(entry.payload);
            evictions++;
            return;
        }
    }

    /// Forgets everything.
    public void clear() {
        for (Entry entry : entries.values()) free.add(entry.payload);
        entries.clear();
    }

    public Stats stats() {
        return new Stats(entries.size(), bytes, hits, misses, evictions, restoredTokens, restoreNanos / 1e6);
    }

    private static ByteBuffer little(int ints) {
        return ByteBuffer.allocate(4 * ints).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has it
        }
    }

    @Override
    public void close() {
        entries.clear();
        free.clear();
        scope.close();
    }
}
