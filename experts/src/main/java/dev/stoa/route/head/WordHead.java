// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The posterior over label sets given the words (set posterior): p(text | S) = prod_w mean_{c in S} p(w | c), with a
/// prior over sets of one to three labels; a label's log-odds come from the mass of the sets that contain it.
///
/// Every single label and every pair with one of the 12 likeliest labels is summed, triples among those 12. The base
/// is a set of its own. Words outside the vocabulary count as word 0, whose probability the training words that
/// occurred in a single row have taught.
public final class WordHead implements Head {
    private static final int LIKELIEST = 12;
    private static final int WORDS = 1_024;
    private static final int CHUNK = 12; // words multiplied before a logarithm: 1e-15 each cannot underflow
    private static final double THIRD = 1 / 3.0;
    private final Phrases phrases;
    private final List<String> vocabulary;
    private final Map<String, Integer> index;
    private final float[][] wordGivenLabel; // [V][C], the base last
    private final double[] share; // [C - 1], sums to 1: which labels sets are made of
    private final double[] sizes; // [3], sums to 1 with the base: how many labels a text has
    private final double base;
    private final double[] normalizers = new double[3];

    /// `vocabulary[0]` stands for unknown words. `wordGivenLabel` is (V, C); `share` (C - 1); `sizes` (3) and `base`
    /// sum to 1.
    public WordHead(Phrases phrases, List<String> vocabulary, float[][] wordGivenLabel, double[] share, double[] sizes, double base) {
        if (vocabulary.size() != wordGivenLabel.length || sizes.length != 3) {
            throw new IllegalArgumentException("vocabulary and table disagree");
        }
        for (float[] row : wordGivenLabel) {
            if (row.length != share.length + 1) throw new IllegalArgumentException("ragged word table");
        }
        this.phrases = phrases;
        this.vocabulary = List.copyOf(vocabulary);
        this.wordGivenLabel = wordGivenLabel;
        this.share = share;
        this.sizes = sizes;
        this.base = base;
        index = new HashMap<>();
        for (int i = 1; i < vocabulary.size(); i++) index.put(vocabulary.get(i), i);
        double[] symmetric = {1, 0, 0, 0}; // elementary symmetric polynomials of the shares
        for (double s : share) for (int k = 3; k >= 1; k--) symmetric[k] += symmetric[k - 1] * s;
        for (int k = 0; k < 3; k++) normalizers[k] = symmetric[k + 1] == 0 ? 0 : sizes[k] / symmetric[k + 1];
    }

    @Override
    public String name() {
        return "words";
    }

    public Phrases phrases() {
        return phrases;
    }

    public List<String> vocabulary() {
        return vocabulary;
    }

    public float[][] wordGivenLabel() {
        return wordGivenLabel;
    }

    public double[] share() {
        return share.clone();
    }

    public double[] sizes() {
        return sizes.clone();
    }

    public double base() {
        return base;
    }

    /// Share of the words that the training rows knew; 0 for a text without words.
    public double known(List<String> text) {
        List<String> words = phrases.join(text);
        if (words.isEmpty()) return 0;
        int known = 0;
        for (String word : words) if (index.containsKey(word)) known++;
        return (double) known / words.size();
    }

    @Override
    public double[] logOdds(RouteInput input) {
        int labels = share.length;
        List<String> words = phrases.join(input.words());
        int n = Math.min(WORDS, words.size());
        double[][] rows = new double[n][];
        for (int w = 0; w < n; w++) rows[w] = scaled(wordGivenLabel[index.getOrDefault(words.get(w), 0)]);

        int[] likeliest = likeliest(rows);
        boolean[] among = new boolean[labels];
        for (int c : likeliest) among[c] = true;
        Posterior posterior = new Posterior(labels + 1);
        if (base > 0) posterior.add(Math.log(base) + logLikelihood(rows, labels, -1, -1), labels, -1, -1);
        for (int a = 0; a < labels; a++) {
            add(posterior, rows, a, -1, -1);
            for (int b = a + 1; b < labels; b++) if (among[a] || among[b]) add(posterior, rows, a, b, -1);
        }
        for (int i = 0; i < likeliest.length; i++) {
            for (int j = i + 1; j < likeliest.length; j++) {
                for (int k = j + 1; k < likeliest.length; k++) {
                    add(posterior, rows, likeliest[i], likeliest[j], likeliest[k]);
                }
            }
        }
        return posterior.logOdds();
    }

    private void add(Posterior posterior, double[][] rows, int a, int b, int c) {
        int size = c >= 0 ? 3 : b >= 0 ? 2 : 1;
        double prior = normalizers[size - 1] * share[a] * (b >= 0 ? share[b] : 1) * (c >= 0 ? share[c] : 1);
        if (prior > 0) posterior.add(Math.log(prior) + logLikelihood(rows, a, b, c), a, b, c);
    }

    /// The labels that explain most words, each word shared among labels in proportion to share x p(word | label).
    private int[] likeliest(double[][] rows) {
        int labels = share.length;
        double[] explained = share.clone(); // the prior decides between labels that explain nothing
        for (double[] row : rows) {
            double sum = 0;
            for (int c = 0; c < labels; c++) sum += share[c] * row[c];
            if (sum > 0) for (int c = 0; c < labels; c++) explained[c] += share[c] * row[c] / sum;
        }
        Integer[] order = new Integer[labels];
        for (int c = 0; c < labels; c++) order[c] = c;
        Arrays.sort(order, (x, y) -> explained[x] == explained[y] ? x - y : Double.compare(explained[y], explained[x]));
        int[] top = new int[Math.min(LIKELIEST, labels)];
        for (int i = 0; i < top.length; i++) top[i] = order[i];
        Arrays.sort(top);
        return top;
    }

    /// A word's p(w | label) divided by the largest; the common factor cancels in the posterior.
    private static double[] scaled(float[] row) {
        double top = 0;
        for (float p : row) top = Math.max(top, p);
        double[] scaled = new double[row.length];
        for (int c = 0; c < row.length; c++) scaled[c] = row[c] / top;
        return scaled;
    }

    /// log prod_w mean_{c in S} p(w | c).
    private static double logLikelihood(double[][] rows, int a, int b, int c) {
        double sum = 0;
        for (int from = 0; from < rows.length; from += CHUNK) {
            int to = Math.min(rows.length, from + CHUNK);
            double product = 1;
            if (c >= 0) for (int w = from; w < to; w++) product *= (rows[w][a] + rows[w][b] + rows[w][c]) * THIRD;
            else if (b >= 0) for (int w = from; w < to; w++) product *= (rows[w][a] + rows[w][b]) * 0.5;
            else for (int w = from; w < to; w++) product *= rows[w][a];
            sum += Math.log(product);
        }
        return sum;
    }

    /// Log-weights of sets, summed per label at the end against the largest.
    private static final class Posterior {
        private final int labels;
        private double[] logs = new double[512];
        private int[] members = new int[512 * 3];
        private int count;
        private double top = Double.NEGATIVE_INFINITY;

        Posterior(int labels) {
            this.labels = labels;
        }

        void add(double log, int a, int b, int c) {
            if (count == logs.length) {
                logs = Arrays.copyOf(logs, count * 2);
                members = Arrays.copyOf(members, count * 6);
            }
            logs[count] = log;
            members[3 * count] = a;
            members[3 * count + 1] = b;
            members[3 * count + 2] = c;
            count++;
            top = Math.max(top, log);
        }

        double[] logOdds() {
            double[] mass = new double[labels];
            double total = 0;
            for (int s = 0; s < count; s++) {
                double weight = Math.exp(logs[s] - top);
                total += weight;
                for (int m = 3 * s; m < 3 * s + 3; m++) if (members[m] >= 0) mass[members[m]] += weight;
            }
            for (int c = 0; c < labels; c++) mass[c] = Logits.ofProbability(Math.min(1, mass[c] / total));
            return mass;
        }
    }
}
