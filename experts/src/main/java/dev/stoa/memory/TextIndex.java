// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Exact BM25 (k1 1.2, b 0.75) in memory. Not thread-safe for writing; the owner locks.
final class TextIndex {
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}_]+");
    private static final double K1 = 1.2;
    private static final double B = 0.75;

    record Hit(String id, double score) {}

    private record Document(Map<String, Integer> counts, int length) {}

    private final Map<String, Document> documents = new HashMap<>();
    private final Map<String, Map<String, Integer>> postings = new HashMap<>(); // word -> id -> count
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
        documents.put(id, new Document(counts, words.size()));
        counts.forEach((word, count) -> postings.computeIfAbsent(word, w -> new HashMap<>()).put(id, count));
        totalWords += words.size();
    }

    void remove(String id) {
        Document document = documents.remove(id);
        if (document == null) return;
        totalWords -= document.length();
        for (String word : document.counts().keySet()) {
            Map<String, Integer> list = postings.get(word);
            list.remove(id);
            if (list.isEmpty()) postings.remove(word);
        }
    }

    int documents() {
        return documents.size();
    }

    /// The k best documents for weighted query words that pass the filter, best first, ties by id.
    List<Hit> search(Map<String, Double> query, int k, Predicate<String> filter) {
        double average = documents.isEmpty() ? 1 : (double) totalWords / documents.size();
        Map<String, Double> scores = new HashMap<>();
        query.forEach((word, weight) -> {
            Map<String, Integer> list = postings.getOrDefault(word, Map.of());
            double idf = idf(word) * weight;
            list.forEach((id, count) -> {
                double length = documents.get(id).length() / average;
                scores.merge(id, idf * count * (K1 + 1) / (count + K1 * (1 - B + B * length)), Double::sum);
            });
        });
        return scores.entrySet().stream()
                .sorted(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder()).thenComparing(Map.Entry.comparingByKey()))
                .filter(entry -> filter.test(entry.getKey())) // after sorting: the limit then stops it early
                .limit(k)
                .map(entry -> new Hit(entry.getKey(), entry.getValue()))
                .toList();
    }

    /// Idf mass of the document's words that the query names, over all its idf mass.
    double coverage(String id, Map<String, Double> query) {
        double all = 0;
        double covered = 0;
        Document document = documents.get(id);
        if (document == null) return 0;
        for (String word : document.counts().keySet()) {
            double idf = idf(word);
            all += idf;
            if (query.containsKey(word)) covered += idf;
        }
        return all == 0 ? 0 : covered / all;
    }

    private double idf(String word) {
        double n = postings.getOrDefault(word, Map.of()).size();
        return Math.log(1 + (documents.size() - n + 0.5) / (n + 0.5));
    }
}
