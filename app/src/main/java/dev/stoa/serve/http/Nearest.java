// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// "Did you mean": the known words closest to a mistyped one.
public final class Nearest {
    private Nearest() {}

    /// Up to three candidates by Damerau–Levenshtein distance: 2 edits or fewer (1 for words under five letters).
    public static List<String> to(String word, Collection<String> known) {
        int limit = word.length() < 5 ? 1 : 2;
        String typed = word.toLowerCase(Locale.ROOT);
        return known.stream().distinct()
                .filter(candidate -> distance(typed, candidate.toLowerCase(Locale.ROOT)) <= limit)
                .sorted(Comparator.<String>comparingInt(candidate -> distance(typed, candidate.toLowerCase(Locale.ROOT)))
                        .thenComparing(Comparator.naturalOrder()))
                .limit(3)
                .toList();
    }

    /// The three nearest words however far they are, for a list that is never empty.
    public static List<String> three(String word, Collection<String> known) {
        String typed = word.toLowerCase(Locale.ROOT);
        return known.stream().distinct()
                .sorted(Comparator.<String>comparingInt(candidate -> distance(typed, candidate.toLowerCase(Locale.ROOT)))
                        .thenComparing(Comparator.naturalOrder()))
                .limit(3)
                .toList();
    }

    /// Edits (insert, delete, replace, swap of neighbours) between two words; long words are cut at 64 characters.
    static int distance(String left, String right) {
        String a = left.length() > 64 ? left.substring(0, 64) : left;
        String b = right.length() > 64 ? right.substring(0, 64) : right;
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) d[i][0] = i;
        for (int j = 0; j <= b.length(); j++) d[0][j] = j;
        for (int i = 1; i <= a.length(); i++) {
            for (int j = 1; j <= b.length(); j++) {
                int replace = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                d[i][j] = Math.min(replace, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
                boolean swapped = i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
                if (swapped) d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
        return d[a.length()][b.length()];
    }
}
