// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Words that belong together count as one: "borrow checker" is one piece of evidence, not two. Each round joins, from
/// left to right, the neighbors it lists as "a b"; later rounds see what earlier ones joined. Immutable.
public record Phrases(List<Set<String>> rounds) {
    public static final Phrases NONE = new Phrases(List.of());

    public Phrases {
        rounds = rounds.stream().map(Set::copyOf).toList();
    }

    public List<String> join(List<String> words) {
        List<String> joined = words;
        for (Set<String> pairs : rounds) joined = join(joined, pairs);
        return joined;
    }

    private static List<String> join(List<String> words, Set<String> pairs) {
        List<String> joined = new ArrayList<>(words.size());
        for (int i = 0; i < words.size(); i++) {
            String pair = i + 1 < words.size() ? words.get(i) + " " + words.get(i + 1) : null;
            if (pair != null && pairs.contains(pair)) {
                joined.add(pair);
                i++;
            } else {
                joined.add(words.get(i));
            }
        }
        return joined;
    }
}
