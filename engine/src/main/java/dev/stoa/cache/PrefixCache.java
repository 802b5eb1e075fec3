// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import dev.stoa.tensor.Ledger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;

/// What sequences computed for the beginnings of their prompts, kept in blocks of tokens for the next prompt that begins so.
///
/// A block's name hashes the model, the adapters and every token from the first to its last, so that equal names mean equal
/// bits and no change of an adapter or a setting can find an old block. The last block of a sequence may be shorter; it
/// grows when a sequence goes on from it. A prompt that leaves a block in its middle takes over the tokens up to there: keys
/// and values depend on earlier tokens only. The least recently used block goes first, and never one that others continue.
/// Memory is taken as blocks come, up to the budget, and returned on close. For one thread.
public final class PrefixCache implements AutoCloseable {
    /// Fewer tokens than this at the end of a sequence are not worth a block: one step computes them.
    static final int LEAST_TAIL = 16;
    private static final int LEAST_ROOM = 32;

    /// `hits` and `misses` count full blocks that prompts asked for; `restoredTokens` what they did not have to compute,
    /// `restoreMillis` what copying it took.
    public record Stats(int blocks, long bytes, long hits, long misses, long evictions, long restoredTokens, double restoreMillis) {
        public static final Stats NONE = new Stats(0, 0, 0, 0, 0, 0, 0);
    }

    private record Id(long a, long b, long c, long d) {
        static Id of(byte[] digest) {
            ByteBuffer id = ByteBuffer.wrap(digest);
            return new Id(id.getLong(), id.getLong(), id.getLong(), id.getLong());
        }

        byte[] bytes() {
            return ByteBuffer.allocate(32).putLong(a).putLong(b).putLong(c).putLong(d).array();
        }
    }

    /// Tokens that follow those of `parent`.
    private static final class Entry {
        final Entry parent;
        final byte[] descriptor;
        final List<Entry> children = new ArrayList<>();
        Id id;
        int[] tokens;
        int room;
        BlockMemory.Piece payload;

        Entry(Entry parent, byte[] descriptor) {
            this.parent = parent;
            this.descriptor = descriptor;
        }

        /// How many of the tokens [from, to) of a sequence with these adapters it holds.
        int common(byte[] adapters, IntUnaryOperator token, int from, int to) {
            if (!Arrays.equals(descriptor, adapters)) return 0;
            int most = Math.min(tokens.length, to - from), count = 0;
            while (count < most && tokens[count] == token.applyAsInt(from + count)) count++;
            return count;
        }
    }

    private final int blockTokens;
    private final BlockMemory memory;
    private final byte[] rootName;
    private final Entry root = new Entry(null, new byte[0]);
    /// Least recently used first.
    private final Map<Id, Entry> entries = new LinkedHashMap<>(64, 0.75f, true);
    private long hits;
    private long misses;
    private long evictions;
    private long restoredTokens;
    private long restoreNanos;

    /// `identity` names everything but tokens and adapters that a block's bits depend on; no part may be empty.
    public PrefixCache(List<String> identity, int blockTokens, long budget, Ledger ledger) {
        if (blockTokens < LEAST_ROOM || budget < 0 || identity.isEmpty() || identity.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("block " + blockTokens + ", budget " + budget + ", identity " + identity);
        }
        this.blockTokens = blockTokens;
        this.memory = new BlockMemory(ledger, budget);
        MessageDigest digest = sha256();
        digest.update("stoa-kv-1".getBytes(StandardCharsets.UTF_8));
        for (String field : identity) {
            byte[] text = field.getBytes(StandardCharsets.UTF_8);
            digest.update(little(1).putInt(0, text.length).array());
            digest.update(text);
        }
        this.rootName = digest.digest();
    }

    /// The names of one sequence's full blocks, computed as its tokens become known.
    public final class Chain {
        private final byte[] descriptor;
        private final List<Id> ids = new ArrayList<>();

        private Chain(String descriptor) {
            this.descriptor = sha256().digest(descriptor.getBytes(StandardCharsets.UTF_8));
        }

        private void extend(IntUnaryOperator token, int blocks) {
            for (int block = ids.size(); block < blocks; block++) ids.add(name(block, token, blockTokens));
        }

        /// Of the `count` tokens after `block` full blocks.
        private Id name(int block, IntUnaryOperator token, int count) {
            ByteBuffer tokens = little(1 + count).putInt(count);
            for (int i = 0; i < count; i++) tokens.putInt(token.applyAsInt(block * blockTokens + i));
            MessageDigest digest = sha256();
            digest.update(block == 0 ? rootName : ids.get(block - 1).bytes());
            digest.update(descriptor);
            return Id.of(digest.digest(tokens.array()));
        }
    }

    /// `descriptor` names the adapters of the sequence and their weights.
    public Chain chain(String descriptor) {
        return new Chain(descriptor);
    }

    /// How many tokens from the first on are stored for all chains of one request, each over the tokens that `token` gives; at
    /// most `limit`. Counts hits and misses of full blocks.
    public int find(List<Chain> chains, IntUnaryOperator token, int limit) {
        int asked = limit / blockTokens, found = limit;
        for (Chain chain : chains) {
            chain.extend(token, asked);
            int full = 0;
            Entry last = root;
            for (Entry next; full < asked && (next = entries.get(chain.ids.get(full))) != null; full++) last = next;
            int from = full * blockTokens;
            Entry more = closest(last, chain, token, from, limit);
            found = Math.min(found, from + (more == null ? 0 : more.common(chain.descriptor, token, from, limit)));
        }
        hits += (long) (found / blockTokens) * chains.size();
        misses += (long) (asked - found / blockTokens) * chains.size();
        return found;
    }

    /// The child that holds most of the tokens [from, to), or null when none holds any.
    private static Entry closest(Entry parent, Chain chain, IntUnaryOperator token, int from, int to) {
        Entry best = null;
        int most = 0;
        for (Entry child : parent.children) {
            int common = child.common(chain.descriptor, token, from, to);
            if (common > most) {
                most = common;
                best = child;
            }
        }
        return best;
    }

    /// Copies the first `tokens` tokens, which [#find] answered, into an empty stack.
    public void restore(Chain chain, IntUnaryOperator token, int tokens, CacheStack stack) {
        long start = System.nanoTime();
        List<Entry> used = new ArrayList<>();
        Entry last = root;
        for (int from = 0; from < tokens; from += blockTokens) {
            int to = Math.min(tokens, from + blockTokens);
            last = to - from == blockTokens ? entries.get(chain.ids.get(from / blockTokens)) : closest(last, chain, token, from, to);
            stack.load(from, to, last.room, last.payload.memory());
            used.add(last);
        }
        for (Entry entry : used.reversed()) entries.get(entry.id); // parents last: used most recently
        restoredTokens += tokens;
        restoreNanos += System.nanoTime() - start;
    }

    /// Keeps the stack's first `tokens` tokens, but for a short rest. A stack with states that cannot be cut into tokens
    /// leaves nothing here.
    public void publish(Chain chain, IntUnaryOperator token, int tokens, CacheStack stack) {
        if (stack.blockBytes(1) < 0) return;
        chain.extend(token, tokens / blockTokens);
        Entry parent = root;
        for (int from = 0; parent != null && tokens - from >= LEAST_TAIL; from += blockTokens) {
            parent = keep(parent, chain, token, from, Math.min(tokens, from + blockTokens), stack);
        }
    }

    /// The entry of tokens [from, to) after `parent`: one that is there, one that grows, or a new one; null without memory.
    private Entry keep(Entry parent, Chain chain, IntUnaryOperator token, int from, int to, CacheStack stack) {
        int count = to - from;
        Id id = count == blockTokens ? chain.ids.get(from / blockTokens) : chain.name(from / blockTokens, token, count);
        Entry known = entries.get(id);
        if (known != null) return known;
        Entry near = closest(parent, chain, token, from, to);
        int common = near == null ? 0 : near.common(chain.descriptor, token, from, to);
        if (common == count) {
            entries.get(near.id); // a longer one holds it
            return near;
        }
        boolean grows = common > 0 && common == near.tokens.length;
        Entry entry = grows ? near : new Entry(parent, chain.descriptor);
        int room = LEAST_ROOM;
        while (room < count) room = Math.min(blockTokens, 2 * room);
        if (!grows || room > entry.room) {
            BlockMemory.Piece payload = take(stack.blockBytes(room), parent, entry);
            if (payload == null) return null;
            if (grows) memory.give(entry.payload);
            entry.payload = payload;
            entry.room = room;
            common = 0;
        }
        stack.save(from + (grows ? common : 0), to, grows ? common : 0, entry.room, entry.payload.memory());
        entry.tokens = new int[count];
        Arrays.setAll(entry.tokens, i -> token.applyAsInt(from + i));
        if (grows) entries.remove(entry.id);
        else parent.children.add(entry);
        entry.id = id;
        entries.put(id, entry);
        return entry;
    }

    /// Memory, for which the least recently used blocks go that nobody continues; null when that is not enough.
    private BlockMemory.Piece take(long size, Entry parent, Entry entry) {
        if (size > memory.budget()) return null;
        BlockMemory.Piece piece = memory.take(size);
        while (piece == null && evict(parent, entry)) piece = memory.take(size);
        return piece;
    }

    private boolean evict(Entry parent, Entry kept) {
        for (Entry entry : entries.values()) {
            if (!entry.children.isEmpty() || entry == parent || entry == kept) continue;
            entries.remove(entry.id);
            entry.parent.children.remove(entry);
            memory.give(entry.payload);
            evictions++;
            return true;
        }
        return false;
    }

    /// Forgets everything.
    public void clear() {
        for (Entry entry : entries.values()) memory.give(entry.payload);
        entries.clear();
        root.children.clear();
    }

    public Stats stats() {
        return new Stats(entries.size(), memory.bytes(), hits, misses, evictions, restoredTokens, restoreNanos / 1e6);
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
        clear();
        memory.close();
    }
}
