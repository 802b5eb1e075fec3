// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// How good rankings and sets are on rows with labels (`n`) and without (`outside`).
///
/// `top1`: the first label is true; `top3`: a true label among the first three; `f1`: mean over rows of
/// 2 |A ∩ S| / (|A| + |S|) for the mounted set A; `falseRoutes`: share of rows without labels that mounted something.
public record RouteScores(String name, int n, double top1, double top3, double f1, int outside, double falseRoutes) {
    /// Collects answers row by row.
    public static final class Tally {
        private final List<double[]> hits = new ArrayList<>();
        private int outside;
        private int falseRoutes;

        /// `ranking`: labels, best first (at least three where there are so many); `mounted`: the set chosen.
        public void add(Set<String> truth, List<String> ranking, Collection<String> mounted) {
            if (truth.isEmpty()) {
                outside++;
                if (!mounted.isEmpty()) falseRoutes++;
                return;
            }
            boolean first = !ranking.isEmpty() && truth.contains(ranking.getFirst());
            boolean three = ranking.stream().limit(3).anyMatch(truth::contains);
            hits.add(new double[] {first ? 1 : 0, three ? 1 : 0, f1(truth, mounted)});
        }

        public RouteScores scores(String name) {
            double[] mean = new double[3];
            for (double[] hit : hits) for (int i = 0; i < 3; i++) mean[i] += hit[i] / hits.size();
            return new RouteScores(name, hits.size(), mean[0], mean[1], mean[2], outside,
                    outside == 0 ? 0 : (double) falseRoutes / outside);
        }
    }

    /// 2 |A ∩ S| / (|A| + |S|); 0 for an empty A.
    public static double f1(Set<String> truth, Collection<String> mounted) {
        Set<String> both = new HashSet<>(mounted);
        int size = both.size();
        both.retainAll(truth);
        return 2.0 * both.size() / (size + truth.size());
    }
}
