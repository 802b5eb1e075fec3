// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.route.head.Phrases;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Finds neighbors that hardly occur apart: the pair makes up at least 90 % of the rarer word and 40 % of the other,
/// five times or more. ("the" and a noun that always follows it are not a phrase.)
final class PhraseFit {
    private static final int ROUNDS = 3;
    private static final int LEAST = 5;
    private static final double OF_RARER = 0.9;
    private static final double OF_OTHER = 0.4;

    private PhraseFit() {}

    static Phrases fit(List<List<String>> rows) {
        List<Set<String>> rounds = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            Phrases soFar = new Phrases(rounds);
            Map<String, Integer> words = new HashMap<>();
            Map<String, int[]> pairs = new HashMap<>();
            Map<String, List<String>> parts = new HashMap<>();
            for (List<String> row : rows) {
                List<String> joined = soFar.join(row);
                for (int i = 0; i < joined.size(); i++) {
                    words.merge(joined.get(i), 1, Integer::sum);
                    if (i + 1 == joined.size()) break;
                    String pair = joined.get(i) + " " + joined.get(i + 1);
                    pairs.computeIfAbsent(pair, p -> new int[1])[0]++;
                    parts.putIfAbsent(pair, List.of(joined.get(i), joined.get(i + 1)));
                }
            }
            Set<String> found = new TreeSet<>();
            pairs.forEach((pair, count) -> {
                int a = words.get(parts.get(pair).get(0));
                int b = words.get(parts.get(pair).get(1));
                if (count[0] >= LEAST && count[0] >= OF_RARER * Math.min(a, b) && count[0] >= OF_OTHER * Math.max(a, b)) found.add(pair);
            });
            if (found.isEmpty()) break;
            rounds.add(found);
        }
        return new Phrases(rounds);
    }
}
