// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Exact BM25 (k1 1.2, b 0.75) in memory. Not thread-safe for writing; the owner locks.
final class TextIndex {
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}_]+");
    private static final double K1 = 1.2;
    private static final double B = 0.75;

    record Hit(String id, double score) {}

    /// What one word is in: documents by slot, and how often.
    private static final class Postings {
        int[] slots = new int[2];
        int[] counts = new int[2];
        int size;

        void add(int slot, int count) {
            if (size == slots.length) {
                slots = Arrays.copyOf(slots, 2 * size);
                counts = Arrays.copyOf(counts, 2 * size);
            }
            slots[size] = slot;
            counts[size++] = count;
        }

        void remove(int slot) {
            int at = 0;
            while (slots[at] != slot) at++;
            size--;
            System.arraycopy(slots, at + 1, slots, at, size - at);
            System.arraycopy(counts, at + 1, counts, at, size - at);
        }
    }

    private record Document(String id, Set<String> words) {}

    private final Map<String, Integer> slots = new HashMap<>();
    private final List<Document> documents = new ArrayList<>(); // by slot; null where one was removed
    private int[] lengths = new int[64]; // of documents, in words: what scoring reads lies together
    private final BitSet free = new BitSet();
    private final Map<String, Postings> postings = new HashMap<>();
    private long totalWords;

    static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        Matcher match = WORD.matcher(text.toLowerCase(Locale.ROOT));
        while (match.find()) words.add(match.group());
        return words;
    }

    void insert(String id, String text) {
        remove(id);
        Map<String, Integer> counts = new LinkedHashMap<>();
        List<String> words = words(text);
        for (String word : words) counts.merge(word, 1, Integer::sum);
        int slot = free.nextSetBit(0);
        if (slot < 0) {
            slot = documents.size();
            documents.add(null);
            if (slot == lengths.length) lengths = Arrays.copyOf(lengths, 2 * slot);
        }
        free.clear(slot);
        slots.put(id, slot);
        documents.set(slot, new Document(id, new LinkedHashSet<>(counts.keySet())));
        lengths[slot] = words.size();
        for (Map.Entry<String, Integer> one : counts.entrySet()) postings.computeIfAbsent(one.getKey(), _ -> new Postings()).add(slot, one.getValue());
        totalWords += words.size();
    }

    void remove(String id) {
        Integer slot = slots.remove(id);
        if (slot == null) return;
        Document document = documents.set(slot, null);
        free.set(slot);
        totalWords -= lengths[slot];
        for (String word : document.words()) {
            Postings list = postings.get(word);
            list.remove(slot);
            if (list.size == 0) postings.remove(word);
        }
    }

    int documents() {
        return slots.size();
    }

    /// The k best documents for weighted query words that pass the filter, best first, ties by id.
    List<Hit> search(Map<String, Double> query, int k, Predicate<String> filter) {
        double average = slots.isEmpty() ? 1 : (double) totalWords / slots.size();
        double[] scores = new double[documents.size()];
        int[] found = new int[documents.size()];
        int count = 0;
        for (Map.Entry<String, Double> word : query.entrySet()) {
            Postings list = postings.get(word.getKey());
            if (list == null) continue;
            double idf = idf(word.getKey()) * word.getValue();
            for (int i = 0; i < list.size; i++) {
                int slot = list.slots[i];
                double length = lengths[slot] / average;
                if (scores[slot] == 0) found[count++] = slot;
                scores[slot] += idf * list.counts[i] * (K1 + 1) / (list.counts[i] + K1 * (1 - B + B * length));
            }
        }
        Comparator<Hit> worstFirst = Comparator.comparingDouble(Hit::score).thenComparing(Hit::id, Comparator.reverseOrder());
        PriorityQueue<Hit> best = new PriorityQueue<>(worstFirst);
        for (int i = 0; i < count; i++) {
            double score = scores[found[i]];
            if (best.size() == k && score < best.peek().score()) continue;
            Hit hit = new Hit(documents.get(found[i]).id(), score);
            if (best.size() == k && worstFirst.compare(hit, best.peek()) <= 0 || !filter.test(hit.id())) continue;
            if (best.size() == k) best.poll();
            best.add(hit);
        }
        List<Hit> hits = new ArrayList<>(best);
        hits.sort(worstFirst.reversed());
        return hits;
    }

    /// Idf mass of the document's words that the query names, over all its idf mass.
    double coverage(String id, Map<String, Double> query) {
        Integer slot = slots.get(id);
        if (slot == null) return 0;
        double all = 0;
        double covered = 0;
        for (String word : documents.get(slot).words()) {
            double idf = idf(word);
            all += idf;
            if (query.containsKey(word)) covered += idf;
        }
        return all == 0 ? 0 : covered / all;
    }

    private double idf(String word) {
        Postings list = postings.get(word);
        double n = list == null ? 0 : list.size;
        return Math.log(1 + (slots.size() - n + 0.5) / (n + 0.5));
    }
}
