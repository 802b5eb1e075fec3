// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The exact posterior over label sets of a prompt of the routing set, and the best scores any router can reach on it.
/// Immutable and thread-safe.
///
/// p(S | x) is proportional to p(|S|) / C(n, |S|) times the product over terms of the mean over c in S of p(term | c).
public final class RoutePosterior {
    private static final int MAX_MOUNTED = 4;

    /// Scores of a ranking of labels against the true set: the first label is true; one of the first three is; F1 of
    /// the set chosen for it.
    public record Scores(double topOne, double topThree, double f1) {}

    private final List<String> labels;
    private final Map<String, Integer> termIndex = new LinkedHashMap<>();
    private final double[][] termGivenLabel;
    private final int[][] sets;
    private final double[] prior;

    RoutePosterior(List<String> labels, List<String> terms, double[][] termGivenLabel, double[] labelCounts) {
        this.labels = labels;
        this.termGivenLabel = termGivenLabel;
        for (String term : terms) termIndex.put(term, termIndex.size());
        List<int[]> all = new ArrayList<>();
        int n = labels.size();
        for (int a = 0; a < n; a++) {
            all.add(new int[] {a});
            for (int b = a + 1; b < n; b++) {
                all.add(new int[] {a, b});
                for (int c = b + 1; c < n; c++) all.add(new int[] {a, b, c});
            }
        }
        sets = all.toArray(int[][]::new);
        long[] bySize = new long[labelCounts.length + 1];
        for (int[] set : sets) bySize[set.length]++;
        prior = new double[sets.length];
        for (int s = 0; s < sets.length; s++) prior[s] = labelCounts[sets[s].length - 1] / bySize[sets[s].length];
    }

    /// p(S | terms) of every set, in the order of [#sets]; terms no label has are skipped.
    double[] ofSets(List<String> terms) {
        double[] weights = prior.clone();
        for (String term : terms) {
            Integer index = termIndex.get(term);
            if (index == null) continue;
            for (int s = 0; s < sets.length; s++) {
                double sum = 0;
                for (int c : sets[s]) sum += termGivenLabel[c][index];
                weights[s] *= sum / sets[s].length;
            }
        }
        double total = 0;
        for (double weight : weights) total += weight;
        for (int s = 0; s < weights.length; s++) weights[s] /= total;
        return weights;
    }

    /// p(label is true | terms), in the order of the labels.
    public double[] ofLabels(List<String> terms) {
        return marginals(ofSets(terms));
    }

    /// What the best router is expected to score on this prompt, by the posterior alone.
    public Scores expected(List<String> terms) {
        double[] weights = ofSets(terms);
        int[] order = ranked(marginals(weights));
        double topOne = 0;
        double topThree = 0;
        for (int s = 0; s < sets.length; s++) {
            if (holds(sets[s], order, 1)) topOne += weights[s];
            if (holds(sets[s], order, 3)) topThree += weights[s];
        }
        return new Scores(topOne, topThree, bestSet(weights).expected());
    }

    /// What the best router in fact scores on a row.
    public Scores achieved(RouteGen.Row row) {
        double[] weights = ofSets(row.terms());
        int[] order = ranked(marginals(weights));
        int[] truth = row.labels().stream().mapToInt(labels::indexOf).toArray();
        int[] chosen = bestSet(weights).labels();
        long common = Arrays.stream(chosen).filter(c -> Arrays.stream(truth).anyMatch(t -> t == c)).count();
        return new Scores(holds(truth, order, 1) ? 1 : 0, holds(truth, order, 3) ? 1 : 0,
                2.0 * common / (chosen.length + truth.length));
    }

    /// The Bayes bound of a routing set: mean expected scores over the given rows, whose labels are not looked at.
    public Scores bound(List<RouteGen.Row> rows) {
        return mean(rows.stream().map(row -> expected(row.terms())).toList());
    }

    static Scores mean(List<Scores> scores) {
        return new Scores(scores.stream().mapToDouble(Scores::topOne).average().orElseThrow(),
                scores.stream().mapToDouble(Scores::topThree).average().orElseThrow(),
                scores.stream().mapToDouble(Scores::f1).average().orElseThrow());
    }

    /// A set of labels with its expected F1.
    private record Choice(int[] labels, double expected) {}

    /// For a fixed size k, expected F1 is a sum over the chosen labels of sum over S containing c of p(S) 2 /
    /// (|S| + k): so the best k labels are the k largest of these, and the best set is the best over k.
    private Choice bestSet(double[] weights) {
        double[][] bySize = new double[4][labels.size()];
        for (int s = 0; s < sets.length; s++) for (int c : sets[s]) bySize[sets[s].length][c] += weights[s];
        Choice best = new Choice(new int[0], -1);
        for (int k = 1; k <= Math.min(MAX_MOUNTED, labels.size()); k++) {
            double[] gain = new double[labels.size()];
            for (int size = 1; size < bySize.length; size++) {
                for (int c = 0; c < gain.length; c++) gain[c] += bySize[size][c] * 2 / (size + k);
            }
            int[] chosen = Arrays.copyOf(ranked(gain), k);
            double expected = Arrays.stream(chosen).mapToDouble(c -> gain[c]).sum();
            if (expected > best.expected()) best = new Choice(chosen, expected);
        }
        return best;
    }

    private double[] marginals(double[] weights) {
        double[] marginals = new double[labels.size()];
        for (int s = 0; s < sets.length; s++) for (int c : sets[s]) marginals[c] += weights[s];
        return marginals;
    }

    /// The indices of the highest scores, highest first, the earlier of equal ones first.
    private static int[] ranked(double[] scores) {
        int[] best = new int[Math.min(MAX_MOUNTED, scores.length)];
        boolean[] taken = new boolean[scores.length];
        for (int rank = 0; rank < best.length; rank++) {
            int top = -1;
            for (int c = 0; c < scores.length; c++) {
                if (!taken[c] && (top < 0 || scores[c] > scores[top])) top = c;
            }
            taken[top] = true;
            best[rank] = top;
        }
        return best;
    }

    private static boolean holds(int[] set, int[] order, int first) {
        for (int rank = 0; rank < Math.min(first, order.length); rank++) {
            for (int c : set) if (c == order[rank]) return true;
        }
        return false;
    }
}
