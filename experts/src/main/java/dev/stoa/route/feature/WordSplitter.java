// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Normalized words of a text: NFKC, lower case, control and zero-width characters removed, then maximal runs of
/// letters, digits and `_ # + .`. Bounded: of a longer text only the first and the last 16,384 characters count.
public final class WordSplitter {
    private static final int HALF = 16_384;

    private WordSplitter() {}

    public static List<String> words(String text) {
        String bounded = text.length() <= 2 * HALF
                ? text
                : text.substring(0, HALF) + " " + text.substring(text.length() - HALF);
        String clean = normalize(bounded);
        List<String> words = new ArrayList<>();
        int start = -1;
        for (int i = 0; i <= clean.length(); ) {
            int point = i < clean.length() ? clean.codePointAt(i) : ' ';
            if (isWordPart(point)) {
                if (start < 0) start = i;
            } else if (start >= 0) {
                words.add(clean.substring(start, i));
                start = -1;
            }
            i += Character.charCount(point);
        }
        return words;
    }

    /// NFKC and lower case; whitespace controls become spaces, other invisible characters vanish.
    public static String normalize(String text) {
        String folded = Normalizer.normalize(text, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
        StringBuilder kept = new StringBuilder(folded.length());
        for (int i = 0; i < folded.length(); ) {
            int point = folded.codePointAt(i);
            i += Character.charCount(point);
            if (Character.isWhitespace(point)) kept.append(' ');
            else if (!isInvisible(point)) kept.appendCodePoint(point);
        }
        return kept.toString();
    }

    private static boolean isWordPart(int point) {
        return Character.isLetterOrDigit(point) || point == '_' || point == '#' || point == '+' || point == '.'
                || Character.getType(point) == Character.NON_SPACING_MARK
                || Character.getType(point) == Character.COMBINING_SPACING_MARK;
    }

    private static boolean isInvisible(int point) {
        return switch (Character.getType(point)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.UNASSIGNED -> true;
            default -> false;
        };
    }
}
