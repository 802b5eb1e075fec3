// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.feature.HashedFeatures;
import dev.stoa.route.feature.WordSplitter;
import dev.stoa.route.head.Columns;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// What a router must beat: counting catalog keywords, and voting by the nearest training rows.
public final class Baselines {
    private static final int NEIGHBORS = 15;

    private Baselines() {}

    /// Ranks labels by how many words of the text are keywords of theirs; mounts those with the most.
    public static RouteScores keyword(Map<String, Set<String>> keywords, List<RouteRow> test) {
        RouteScores.Tally tally = new RouteScores.Tally();
        for (RouteRow row : test) {
            Map<String, Double> votes = new TreeMap<>();
            for (String word : WordSplitter.words(row.text().user())) {
                keywords.forEach((label, own) -> {
                    if (own.contains(word)) votes.merge(label, 1.0, Double::sum);
                });
            }
            add(tally, row, votes, 1);
        }
        return tally.scores("keyword");
    }

    /// Votes of the 15 nearest training rows by hashed features; mounts labels with half the votes of the first.
    public static RouteScores nearest(List<RouteRow> train, List<RouteRow> test) {
        HashedFeatures features = HashedFeatures.fit(train.stream().map(row -> row.text().user()).toList());
        List<RouteRow> kept = new ArrayList<>();
        List<float[]> vectors = new ArrayList<>();
        for (RouteRow row : train) {
            float[] vector = features.embed(row.text().user());
            if (vector == null) continue;
            kept.add(row);
            vectors.add(vector);
        }
        float[][] columns = new float[HashedFeatures.DIM][kept.size()];
        for (int i = 0; i < kept.size(); i++) for (int d = 0; d < columns.length; d++) columns[d][i] = vectors.get(i)[d];
        Columns matrix = new Columns(columns, kept.size());
        RouteScores.Tally tally = new RouteScores.Tally();
        for (RouteRow row : test) {
            float[] vector = features.embed(row.text().user());
            Map<String, Double> votes = new HashMap<>();
            if (vector != null) {
                float[] cosines = new float[kept.size()];
                matrix.multiply(vector, cosines);
                for (int i : largest(cosines)) {
                    for (String label : kept.get(i).labels()) votes.merge(label, (double) Math.max(0, cosines[i]), Double::sum);
                }
            }
            add(tally, row, votes, 0.5);
        }
        return tally.scores("kNN");
    }

    private static int[] largest(float[] values) {
        int[] best = new int[Math.min(NEIGHBORS, values.length)];
        int n = 0;
        for (int i = 0; i < values.length; i++) {
            if (n == best.length && values[i] <= values[best[n - 1]]) continue;
            int at = n < best.length ? n++ : n - 1;
            for (; at > 0 && values[best[at - 1]] < values[i]; at--) best[at] = best[at - 1];
            best[at] = i;
        }
        return best;
    }

    private static void add(RouteScores.Tally tally, RouteRow row, Map<String, Double> votes, double share) {
        List<String> ranking = votes.entrySet().stream()
                .sorted(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder()).thenComparing(Map.Entry.comparingByKey()))
                .map(Map.Entry::getKey).toList();
        double top = ranking.isEmpty() ? 0 : votes.get(ranking.getFirst());
        tally.add(row.labels(), ranking, ranking.stream().filter(label -> votes.get(label) >= share * top).toList());
    }
}
