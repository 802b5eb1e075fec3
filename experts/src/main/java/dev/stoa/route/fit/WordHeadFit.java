// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.head.Phrases;
import dev.stoa.route.head.WordHead;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/// Fits the set posterior: one unigram model per label (Dirichlet .05) by five rounds of EM, in which a word of a
/// row with several labels is shared among them in proportion to p(word | label).
final class WordHeadFit {
    private static final int ROUNDS = 5;
    private static final double DIRICHLET = 0.05;
    private static final int VOCABULARY = 32_768;

    private WordHeadFit() {}

    /// `members[i]` are the label indices of row i, empty for the base; `labels` excludes the base.
    static WordHead fit(List<List<String>> texts, int[][] members, int labels) {
        Phrases phrases = PhraseFit.fit(texts);
        List<List<String>> rows = texts.stream().map(phrases::join).toList();
        List<String> vocabulary = vocabulary(rows);
        Map<String, Integer> index = new HashMap<>();
        for (int i = 1; i < vocabulary.size(); i++) index.put(vocabulary.get(i), i);
        int[][] words = new int[rows.size()][];
        for (int i = 0; i < words.length; i++) {
            words[i] = rows.get(i).stream().mapToInt(word -> index.getOrDefault(word, 0)).toArray();
        }
        int[] base = {labels};
        double[][] table = null;
        for (int round = 0; round <= ROUNDS; round++) {
            double[][] counts = new double[vocabulary.size()][labels + 1];
            for (int i = 0; i < words.length; i++) {
                int[] set = members[i].length == 0 ? base : members[i];
                for (int word : words[i]) {
                    double sum = 0;
                    if (table != null) for (int c : set) sum += table[word][c];
                    for (int c : set) counts[word][c] += table == null || sum == 0 ? 1.0 / set.length : table[word][c] / sum;
                }
            }
            table = normalize(counts, labels + 1);
        }
        float[][] narrow = new float[table.length][labels + 1];
        for (int w = 0; w < narrow.length; w++) for (int c = 0; c <= labels; c++) narrow[w][c] = (float) table[w][c];
        return withPrior(phrases, vocabulary, narrow, members, labels);
    }

    private static double[][] normalize(double[][] counts, int columns) {
        for (int c = 0; c < columns; c++) {
            double total = DIRICHLET * counts.length;
            for (double[] row : counts) total += row[c];
            for (double[] row : counts) row[c] = (row[c] + DIRICHLET) / total;
        }
        return counts;
    }

    private static WordHead withPrior(Phrases phrases, List<String> vocabulary, float[][] table, int[][] members, int labels) {
        double[] share = new double[labels];
        double[] sizes = new double[3];
        double mentions = 0;
        double base = 0;
        for (int[] set : members) {
            if (set.length == 0) base++;
            else sizes[Math.min(3, set.length) - 1]++;
            for (int c : set) share[c]++;
            mentions += set.length;
        }
        for (int c = 0; c < labels; c++) share[c] = (share[c] + 0.5) / (mentions + 0.5 * labels);
        for (int k = 0; k < 3; k++) sizes[k] /= members.length;
        return new WordHead(phrases, vocabulary, table, share, sizes, base / members.length);
    }

    /// Words of at least two rows, the most frequent 32,768 of them, alphabetically; entry 0 stands for the rest.
    private static List<String> vocabulary(List<List<String>> rows) {
        Map<String, Integer> documents = new TreeMap<>();
        for (List<String> row : rows) for (String word : new TreeSet<>(row)) documents.merge(word, 1, Integer::sum);
        List<Map.Entry<String, Integer>> frequent = new ArrayList<>();
        for (Map.Entry<String, Integer> entry : documents.entrySet()) if (entry.getValue() >= 2) frequent.add(entry);
        frequent.sort(Map.Entry.<String, Integer>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()));
        List<String> kept = new ArrayList<>(frequent.stream().limit(VOCABULARY).map(Map.Entry::getKey).sorted().toList());
        kept.addFirst("");
        return kept;
    }
}
