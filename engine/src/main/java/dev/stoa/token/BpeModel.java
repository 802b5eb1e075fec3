// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;

/// Byte-pair encoding of one word: start with its characters, then always apply the lowest-ranked merge, leftmost
/// first (Sennrich et al. 2016). Linear-logarithmic in the length of the word. Immutable but for a bounded cache of
/// short words; thread-safe.
final class BpeModel implements TokenModel {
    private static final int CACHE_SLOTS = 1 << 15;
    private static final int CACHED_LENGTH = 40;

    /// The options of the `model` object in tokenizer.json; absent ones are null or false.
    record Options(String unknown, String prefix, String suffix, boolean fuseUnknown, boolean byteFallback,
                   boolean ignoreMerges) {}

    private record Cached(String word, int[] ids) {}

    private final Map<String, Integer> vocabulary;
    private final MergeTable merges;
    private final Options options;
    private final int unknownId;
    private final int[] fallback = new int[256];            // id of <0xXX>, or -1
    private final int[] direct = new int[0x3000];           // id of a low character, or -1
    private final AtomicReferenceArray<Cached> cache = new AtomicReferenceArray<>(CACHE_SLOTS);

    BpeModel(Map<String, Integer> vocabulary, MergeTable merges, Options options) {
        this.vocabulary = vocabulary;
        this.merges = merges;
        this.options = options;
        this.unknownId = options.unknown() == null ? -1 : vocabulary.getOrDefault(options.unknown(), -1);
        for (int b = 0; b < 256; b++) fallback[b] = vocabulary.getOrDefault("<0x%02X>".formatted(b), -1);
        for (int c = 0; c < direct.length; c++) direct[c] = vocabulary.getOrDefault(String.valueOf((char) c), -1);
    }

    @Override
    public void encode(String word, IntList out) {
        if (word.length() > CACHED_LENGTH) {
            out.addAll(merged(word));
            return;
        }
        int hash = word.hashCode();
        int slot = (hash ^ hash >>> 15) & CACHE_SLOTS - 1;
        Cached cached = cache.get(slot);
        if (cached == null || !cached.word.equals(word)) {
            cached = new Cached(word, merged(word));
            cache.set(slot, cached);
        }
        out.addAll(cached.ids);
    }

    private int[] merged(String word) {
        if (options.ignoreMerges()) {
            Integer whole = vocabulary.get(word);
            if (whole != null) return new int[] {whole};
        }
        int[] ids = symbols(word);
        return ids.length < 2 ? ids : merges.apply(ids);
    }

    /// Ids of the single characters; unknown ones become bytes, the unknown token, or nothing, as the file says.
    private int[] symbols(String word) {
        IntList ids = new IntList();
        boolean pendingUnknown = false;
        for (int i = 0; i < word.length(); ) {
            int c = word.codePointAt(i);
            int end = i + Character.charCount(c);
            int id = symbol(word, c, i, end);
            if (id >= 0) {
                if (pendingUnknown) ids.add(unknownId);
                pendingUnknown = false;
                ids.add(id);
            } else if (!(options.byteFallback() && addBytes(c, ids)) && unknownId >= 0) {
                if (pendingUnknown && !options.fuseUnknown()) ids.add(unknownId);
                pendingUnknown = true;
            }
            i = end;
        }
        if (pendingUnknown) ids.add(unknownId);
        return ids.toArray();
    }

    private int symbol(String word, int c, int begin, int end) {
        if (options.prefix() == null && options.suffix() == null) {
            return c < direct.length ? direct[c] : vocabulary.getOrDefault(word.substring(begin, end), -1);
        }
        String text = word.substring(begin, end);
        if (options.prefix() != null && begin > 0) text = options.prefix() + text;
        if (options.suffix() != null && end == word.length()) text = text + options.suffix();
        return vocabulary.getOrDefault(text, -1);
    }

    private boolean addBytes(int codePoint, IntList ids) {
        byte[] bytes = Character.toString(codePoint).getBytes(java.nio.charset.StandardCharsets.UTF_8);
        for (byte b : bytes) if (fallback[b & 255] < 0) return false;
        for (byte b : bytes) ids.add(fallback[b & 255]);
        return true;
    }

    /// Pairs of ids that merge, as an open-addressing table from pair to rank and result.
    static final class MergeTable {
        private static final long FREE = -1;
        private final long[] keys;
        private final int[] ranks;
        private final int[] results;
        private final int mask;

        MergeTable(int expected) {
            int capacity = Integer.highestOneBit(Math.max(8, expected) * 2 - 1) * 2;
            keys = new long[capacity];
            ranks = new int[capacity];
            results = new int[capacity];
            mask = capacity - 1;
            Arrays.fill(keys, FREE);
        }

        /// A pair given twice keeps the later rank, as in the reference.
        void put(int left, int right, int rank, int result) {
            int slot = slot(left, right);
            keys[slot] = key(left, right);
            ranks[slot] = rank;
            results[slot] = result;
        }

        private int slot(int left, int right) {
            long key = key(left, right);
            long mixed = key * 0x9E3779B97F4A7C15L;
            int slot = (int) (mixed >>> 32) & mask;
            while (keys[slot] != FREE && keys[slot] != key) slot = slot + 1 & mask;
            return slot;
        }

        private static long key(int left, int right) {
            return (long) left << 32 | right;
        }

        /// Applies merges until none is left.
        int[] apply(int[] ids) {
            int n = ids.length;
            int[] next = new int[n];
            int[] previous = new int[n];
            long[] heap = new long[n];                      // rank << 32 | position; may hold outdated entries
            int size = 0;
            for (int i = 0; i < n; i++) {
                next[i] = i + 1 < n ? i + 1 : -1;
                previous[i] = i - 1;
            }
            for (int i = 0; i + 1 < n; i++) {
                int slot = slot(ids[i], ids[i + 1]);
                if (keys[slot] != FREE) push(heap, size++, (long) ranks[slot] << 32 | i);
            }
            while (size > 0) {
                long top = heap[0];
                pop(heap, size--);
                int at = (int) top;
                if (ids[at] < 0 || next[at] < 0) continue;
                int slot = slot(ids[at], ids[next[at]]);
                if (keys[slot] == FREE || ranks[slot] != (int) (top >>> 32)) continue;
                int gone = next[at];
                ids[at] = results[slot];
                ids[gone] = -1;
                next[at] = next[gone];
                if (next[gone] >= 0) previous[next[gone]] = at;
                if (size + 2 > heap.length) heap = Arrays.copyOf(heap, heap.length * 2);
                for (int left : new int[] {previous[at], at}) {
                    if (left < 0 || next[left] < 0) continue;
                    int pair = slot(ids[left], ids[next[left]]);
                    if (keys[pair] != FREE) push(heap, size++, (long) ranks[pair] << 32 | left);
                }
            }
            int kept = 0;
            for (int at = 0; at >= 0; at = next[at]) ids[kept++] = ids[at];
            return Arrays.copyOf(ids, kept);
        }

        private static void push(long[] heap, int at, long item) {
            int i = at;
            while (i > 0 && heap[i - 1 >> 1] > item) {
                heap[i] = heap[i - 1 >> 1];
                i = i - 1 >> 1;
            }
            heap[i] = item;
        }

        private static void pop(long[] heap, int size) {
            long item = heap[size - 1];
            int i = 0;
            while (true) {
                int child = 2 * i + 1;
                if (child >= size - 1) break;
                if (child + 1 < size - 1 && heap[child + 1] < heap[child]) child++;
                if (heap[child] >= item) break;
                heap[i] = heap[child];
                i = child;
            }
            heap[i] = item;
        }
    }
}
