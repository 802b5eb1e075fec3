// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.format.JsonFields;
import dev.stoa.format.SafePattern;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Cuts a text at the matches of a pattern or of single characters, and says what becomes of the matches; the
/// semantics of Hugging Face tokenizers' `split`.
record Splitter(Matches matches, Behavior behavior, boolean invert) {
    /// What becomes of a match: dropped, a piece of its own, joined to a neighbor, or joined to equal neighbors.
    enum Behavior { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS }

    /// What is looked for.
    sealed interface Matches {
        record Regex(Pattern pattern) implements Matches {}

        record Chars(IntPredicate predicate) implements Matches {}
    }

    static Splitter chars(IntPredicate predicate, Behavior behavior) {
        return new Splitter(new Matches.Chars(predicate), behavior, false);
    }

    static Splitter regex(String pattern, Behavior behavior, boolean invert, String where) {
        return new Splitter(new Matches.Regex(compile(pattern, where)), behavior, invert);
    }

    /// The `behavior` of a component; a null fallback makes it required.
    static Behavior behavior(JsonFields fields, String fallback) {
        return switch (fallback == null ? fields.text("behavior") : fields.text("behavior", fallback)) {
            case "Removed" -> Behavior.REMOVED;
            case "Isolated" -> Behavior.ISOLATED;
            case "MergedWithPrevious" -> Behavior.MERGED_WITH_PREVIOUS;
            case "MergedWithNext" -> Behavior.MERGED_WITH_NEXT;
            case "Contiguous" -> Behavior.CONTIGUOUS;
            default -> throw fields.fault("behavior", "unknown split behavior")
                    .expected("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous").exception();
        };
    }

    /// The `{"String": ...}` or `{"Regex": ...}` of a component.
    static Pattern pattern(JsonFields component) {
        JsonFields pattern = component.object("pattern");
        if (pattern.has("String")) return Pattern.compile(Pattern.quote(pattern.text("String")));
        return compile(pattern.text("Regex"), pattern.where());
    }

    /// Java's `\s`, `\w`, `\d` are ASCII and `(?i:` folds ASCII only unless told otherwise; both would silently split
    /// differently.
    static Pattern compile(String regex, String where) {
        return SafePattern.compile(regex.replace("(?i:", "(?iu:"), Pattern.UNICODE_CHARACTER_CLASS, where, EngineFault.TOKENIZER_INVALID);
    }

    /// Non-empty pieces of a text, in order.
    List<String> split(String text) {
        List<int[]> parts = new ArrayList<>();          // {begin, end, matched}
        switch (matches) {
            case Matches.Regex regex -> find(regex.pattern(), text, parts);
            case Matches.Chars chars -> find(chars.predicate(), text, parts);
        }
        if (invert) for (int[] part : parts) part[2] ^= 1;
        List<String> pieces = new ArrayList<>(parts.size());
        switch (behavior) {
            case REMOVED -> {
                for (int[] part : parts) if (part[2] == 0) add(text, part[0], part[1], pieces);
            }
            case ISOLATED -> {
                for (int[] part : parts) add(text, part[0], part[1], pieces);
            }
            case MERGED_WITH_PREVIOUS, CONTIGUOUS -> {
                int[] open = null;
                int previous = 0;
                for (int[] part : parts) {
                    boolean join = behavior == Behavior.CONTIGUOUS ? part[2] == previous : part[2] == 1 && previous == 0;
                    previous = part[2];
                    if (join && open != null) open[1] = part[1];
                    else {
                        if (open != null) add(text, open[0], open[1], pieces);
                        open = part;
                    }
                }
                if (open != null) add(text, open[0], open[1], pieces);
            }
            case MERGED_WITH_NEXT -> {
                int begin = -1;
                for (int i = 0; i < parts.size(); i++) {
                    int[] part = parts.get(i);
                    if (begin < 0) begin = part[0];
                    boolean joinsNext = part[2] == 1 && i + 1 < parts.size() && parts.get(i + 1)[2] == 0;
                    if (joinsNext) continue;
                    add(text, begin, part[1], pieces);
                    begin = -1;
                }
            }
        }
        return pieces;
    }

    private static void find(Pattern pattern, String text, List<int[]> parts) {
        Matcher matcher = pattern.matcher(text);
        int at = 0;
        while (matcher.find()) {
            if (matcher.start() > at) parts.add(new int[] {at, matcher.start(), 0});
            parts.add(new int[] {matcher.start(), matcher.end(), 1});
            at = matcher.end();
        }
        if (at < text.length()) parts.add(new int[] {at, text.length(), 0});
    }

    private static void find(IntPredicate predicate, String text, List<int[]> parts) {
        int at = 0;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            int end = i + Character.charCount(c);
            if (predicate.test(c)) {
                if (i > at) parts.add(new int[] {at, i, 0});
                parts.add(new int[] {i, end, 1});
                at = end;
            }
            i = end;
        }
        if (at < text.length()) parts.add(new int[] {at, text.length(), 0});
    }

    private static void add(String text, int begin, int end, List<String> pieces) {
        if (end > begin) pieces.add(text.substring(begin, end));
    }
}
