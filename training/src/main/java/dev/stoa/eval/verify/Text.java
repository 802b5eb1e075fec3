// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Small readers shared by the parsers.
final class Text {
    private static final int MAX_LENGTH = 400;
    private static final Pattern INTEGER = Pattern.compile("-?[0-9]{1,15}");

    private Text() {}

    /// One line of bounded length, blanks collapsed.
    static String bounded(String text) throws BadSyntax {
        if (text.length() > MAX_LENGTH) throw new BadSyntax("%d characters, at most %d", text.length(), MAX_LENGTH);
        String plain = Normalizer.normalize(text, Normalizer.Form.NFKC).strip();
        if (plain.indexOf('\n') >= 0) throw new BadSyntax("more than one line");
        if (plain.isEmpty()) throw new BadSyntax("empty");
        return plain.replaceAll("\\s+", " ");
    }

    static Matcher match(Pattern pattern, String text, String what) throws BadSyntax {
        Matcher matcher = pattern.matcher(text);
        if (!matcher.matches()) throw new BadSyntax("not %s", what);
        return matcher;
    }

    static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        for (String word : text.toLowerCase(Locale.ROOT).split("[^\\p{L}\\p{N}]+")) {
            if (!word.isEmpty()) words.add(word);
        }
        return words;
    }

    /// An integer as a number, anything else as text, so that 3 and 03 are the same and 3 and "3" are not.
    static Object value(String text) {
        return INTEGER.matcher(text).matches() ? (Object) Long.valueOf(text) : text;
    }
}
