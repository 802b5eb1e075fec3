// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import static dev.stoa.template.CallArguments.REQUIRED;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Methods of Python's str, and of markup, whose results stay markup.
record TextMethods(Values values) {
    static final Set<String> NAMES = Set.of("strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith",
            "endswith", "replace", "lower", "upper", "title", "capitalize", "casefold", "swapcase", "join", "find", "rfind", "index",
            "rindex", "count", "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "isupper", "islower", "istitle",
            "isascii", "isidentifier", "isprintable", "removeprefix", "removesuffix", "zfill", "ljust", "rjust", "center", "partition",
            "rpartition", "expandtabs", "format", "format_map");

    Object call(Value.Markup markup, String name, CallArguments arguments) {
        return switch (name) {
            case "striptags" -> Markups.stripTags(markup.text());
            case "unescape" -> Markups.unescape(markup.text());
            default -> {
                boolean escapes = name.equals("replace") || name.equals("join");
                CallArguments given = escapes ? Markups.escaped(arguments, values) : arguments;
                yield markup(name.startsWith("format") ? new TextFormat(values, true).call(markup.text(), name, given) : call(markup.text(), name, given));
            }
        };
    }

    private static Object markup(Object value) {
        return switch (value) {
            case String text -> new Value.Markup(text);
            case List<?> list -> new ArrayList<Object>(list.stream().map(TextMethods::markup).toList());
            case Value.Tuple tuple -> new Value.Tuple(tuple.items().stream().map(TextMethods::markup).toList());
            default -> value;
        };
    }

    Object call(String text, String name, CallArguments arguments) {
        values.budget().text(text.length());
        return switch (name) {
            case "strip" -> strip(text, chars(name, arguments), true, true);
            case "lstrip" -> strip(text, chars(name, arguments), true, false);
            case "rstrip" -> strip(text, chars(name, arguments), false, true);
            case "split", "rsplit" -> {
                Object[] bound = arguments.bind(name, "sep", null, "maxsplit", -1L);
                String separator = bound[0] == null ? null : string(bound[0], name);
                long limit = Values.integer(bound[1], "maxsplit");
                List<Object> parts = name.equals("split") ? split(text, separator, limit) : splitFromRight(text, separator, limit);
                values.budget().elements(parts.size());
                yield parts;
            }
            case "splitlines" -> lines(text, Values.truth(arguments.bind(name, "keepends", false)[0]));
            case "startswith" -> affixes(text, name, arguments).stream().anyMatch(range(text, arguments)::startsWith);
            case "endswith" -> affixes(text, name, arguments).stream().anyMatch(range(text, arguments)::endsWith);
            case "replace" -> {
                Object[] bound = arguments.positionalOnly(name, "old", REQUIRED, "new", REQUIRED, "count", -1L);
                yield replace(text, string(bound[0], name), string(bound[1], name), Values.integer(bound[2], "count"));
            }
            case "join" -> join(text, values.list(arguments.positionalOnly(name, "iterable", REQUIRED)[0]), true);
            case "find", "rfind", "index", "rindex" -> {
                String part = string(arguments.positionalOnly(name, "sub", REQUIRED, "start", null, "end", null)[0], name);
                long begin = begin(text, arguments);
                String within = range(text, arguments);
                int at = name.startsWith("r") ? within.lastIndexOf(part) : within.indexOf(part);
                if (begin > Values.length(text)) at = -1;
                if (at < 0 && name.endsWith("index")) throw new Problem("substring not found");
                yield at < 0 ? -1L : begin + within.codePointCount(0, at);
            }
            case "count" -> {
                String part = string(arguments.positionalOnly(name, "sub", REQUIRED, "start", null, "end", null)[0], name);
                yield occurrences(range(text, arguments), part);
            }
            case "removeprefix" -> {
                String prefix = string(arguments.positionalOnly(name, "prefix", REQUIRED)[0], name);
                yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
            }
            case "removesuffix" -> {
                String suffix = string(arguments.positionalOnly(name, "suffix", REQUIRED)[0], name);
                yield text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
            }
            case "partition", "rpartition" -> partition(text, name, arguments);
            case "format", "format_map" -> new TextFormat(values, false).call(text, name, arguments);
            case "zfill", "ljust", "rjust", "center" -> padded(text, name, arguments);
            case "expandtabs" -> expandTabs(text, Values.integer(arguments.bind(name, "tabsize", 8L)[0], "tabsize"));
            default -> {
                arguments.bind(name);
                yield plain(text, name);
            }
        };
    }

    private static Object plain(String text, String name) {
        return switch (name) {
            case "lower" -> lower(text);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "casefold" -> text.codePoints().collect(StringBuilder::new, (out, c) -> out.append(
                    Character.toString(c).toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT)), StringBuilder::append).toString();
            case "swapcase" -> text.codePoints().collect(StringBuilder::new, (out, c) -> out.append(Character.isUpperCase(c)
                    ? Character.toString(c).toLowerCase(Locale.ROOT) : Character.toString(c).toUpperCase(Locale.ROOT)), StringBuilder::append).toString();
            case "title" -> title(text);
            case "capitalize" -> capitalize(text);
            case "isdigit" -> !text.isEmpty() && text.codePoints().allMatch(TextMethods::isDigit);
            case "isdecimal" -> !text.isEmpty() && text.codePoints().allMatch(Character::isDigit);
            case "isnumeric" -> !text.isEmpty() && text.codePoints().allMatch(TextMethods::isNumeric);
            case "isalpha" -> !text.isEmpty() && text.codePoints().allMatch(Character::isLetter);
            case "isalnum" -> !text.isEmpty() && text.codePoints().allMatch(c -> Character.isLetter(c) || isNumeric(c));
            case "isspace" -> !text.isEmpty() && text.codePoints().allMatch(TextMethods::isSpace);
            case "isupper" -> text.codePoints().anyMatch(Character::isUpperCase)
                    && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
            case "islower" -> text.codePoints().anyMatch(Character::isLowerCase)
                    && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
            case "istitle" -> text.codePoints().anyMatch(TextMethods::isCased) && text.equals(title(text));
            case "isascii" -> text.chars().allMatch(c -> c < 128);
            case "isprintable" -> text.codePoints().allMatch(Values::isPrintable);
            case "isidentifier" -> !text.isEmpty() && (text.charAt(0) == '_' || Character.isUnicodeIdentifierStart(text.codePointAt(0)))
                    && text.codePoints().allMatch(c -> Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c));
            default -> throw new IllegalStateException(name);
        };
    }

    static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private static boolean isCased(int c) {
        return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }

    private static boolean isDigit(int c) {
        return Character.isDigit(c) || "²³¹".indexOf(c) >= 0 || c == 0x2070 || c >= 0x2074 && c <= 0x2079 || c >= 0x2080 && c <= 0x2089
                || c >= 0x2460 && c <= 0x2468 || c >= 0x2474 && c <= 0x247C || c >= 0x2488 && c <= 0x2490;
    }

    private static boolean isNumeric(int c) {
        int type = Character.getType(c);
        return type == Character.DECIMAL_DIGIT_NUMBER || type == Character.LETTER_NUMBER || type == Character.OTHER_NUMBER
                || "一二三四五六七八九十百千万億兆零".indexOf(c) >= 0;
    }

    static String capitalize(String text) {
        if (text.isEmpty()) return text;
        int first = text.offsetByCodePoints(0, 1);
        return titleCase(text.codePointAt(0)) + lower(text.substring(first));
    }

    private static String titleCase(int c) {
        String upper = Character.toString(c).toUpperCase(Locale.ROOT);
        if (upper.length() == Character.charCount(upper.codePointAt(0))) return Character.toString(Character.toTitleCase(c));
        return Character.toTitleCase(c) != c ? Character.toString(Character.toTitleCase(c)) : capitalizedExpansion(upper);
    }

    /// "ß" becomes "Ss": only the first letter of an expansion stays large.
    private static String capitalizedExpansion(String upper) {
        return upper.charAt(0) + upper.substring(1).toLowerCase(Locale.ROOT);
    }

    static String title(String text) {
        StringBuilder out = new StringBuilder(text.length());
        boolean inWord = false;
        for (int c : text.codePoints().toArray()) {
            out.append(inWord ? Character.toString(c).toLowerCase(Locale.ROOT) : titleCase(c));
            inWord = isCased(c);
        }
        return out.toString();
    }

    /// Python's str.isspace.
    static boolean isSpace(int c) {
        return Character.isSpaceChar(c) || c >= 9 && c <= 13 || c >= 0x1c && c <= 0x1f || c == 0x85;
    }

    /// Drops characters of a set (null: white space) from the ends.
    static String strip(String text, String chars, boolean left, boolean right) {
        int begin = 0;
        int end = text.length();
        while (left && begin < end && strips(text.codePointAt(begin), chars)) begin += Character.charCount(text.codePointAt(begin));
        while (right && end > begin && strips(text.codePointBefore(end), chars)) end -= Character.charCount(text.codePointBefore(end));
        return text.substring(begin, end);
    }

    private static boolean strips(int c, String chars) {
        return chars == null ? isSpace(c) : chars.indexOf(c) >= 0;
    }

    private static String chars(String name, CallArguments arguments) {
        Object chars = arguments.positionalOnly(name, "chars", null)[0];
        return chars == null ? null : string(chars, name);
    }

    private static String string(Object value, String name) {
        if (Values.isText(value)) return Values.characters(value);
        throw new Problem("%s needs a string, not %s", name, Values.type(value));
    }

    /// The part of a text that the second and third argument choose, as in `find(part, start, end)`.
    private String range(String text, CallArguments arguments) {
        if (arguments.positional().size() < 2) return text;
        return (String) new Access(values).slice(text, arguments.positional().get(1),
                arguments.positional().size() > 2 ? arguments.positional().get(2) : null, null);
    }

    private static long begin(String text, CallArguments arguments) {
        Object start = arguments.positional().size() < 2 ? null : arguments.positional().get(1);
        if (start == null) return 0;
        long at = Values.integer(start, "start");
        return at < 0 ? Math.max(0, at + Values.length(text)) : at;
    }

    private List<String> affixes(String text, String name, CallArguments arguments) {
        Object affix = arguments.positionalOnly(name, "prefix", REQUIRED, "start", null, "end", null)[0];
        if (begin(text, arguments) > Values.length(text)) return List.of();
        if (affix instanceof Value.Tuple tuple) return tuple.items().stream().map(item -> string(item, name)).toList();
        return List.of(string(affix, name));
    }

    /// Lines by all of Python's line ends.
    static List<Object> lines(String text, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int begin = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean ends = c >= 10 && c <= 13 || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029;
            if (!ends) continue;
            int end = c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n' ? i + 2 : i + 1;
            lines.add(text.substring(begin, keepEnds ? end : i));
            begin = end;
            i = end - 1;
        }
        if (begin < text.length()) lines.add(text.substring(begin));
        return lines;
    }

    private static List<Object> split(String text, String separator, long limit) {
        List<Object> parts = new ArrayList<>();
        if (separator == null) {
            int at = 0;
            while (true) {
                while (at < text.length() && isSpace(text.charAt(at))) at++;
                if (at == text.length()) return parts;
                int end = at;
                while (end < text.length() && !isSpace(text.charAt(end))) end++;
                if (limit >= 0 && parts.size() >= limit) {
                    parts.add(text.substring(at));
                    return parts;
                }
                parts.add(text.substring(at, end));
                at = end;
            }
        }
        if (separator.isEmpty()) throw new Problem("empty separator");
        int at = 0;
        for (int next = text.indexOf(separator); next >= 0 && (limit < 0 || parts.size() < limit); next = text.indexOf(separator, at)) {
            parts.add(text.substring(at, next));
            at = next + separator.length();
        }
        parts.add(text.substring(at));
        return parts;
    }

    private static List<Object> splitFromRight(String text, String separator, long limit) {
        if (limit < 0) return split(text, separator, limit);
        List<Object> parts = new ArrayList<>();
        int end = text.length();
        if (separator == null) {
            while (true) {
                while (end > 0 && isSpace(text.charAt(end - 1))) end--;
                if (end == 0) return parts.reversed();
                int begin = end;
                while (begin > 0 && !isSpace(text.charAt(begin - 1))) begin--;
                if (parts.size() >= limit) begin = 0;
                parts.add(text.substring(begin, end));
                end = begin;
            }
        }
        if (separator.isEmpty()) throw new Problem("empty separator");
        for (int at = text.lastIndexOf(separator); at >= 0 && parts.size() < limit;
                at = end < separator.length() ? -1 : text.lastIndexOf(separator, end - separator.length())) {
            parts.add(text.substring(at + separator.length(), end));
            end = at;
        }
        parts.add(text.substring(0, end));
        return new ArrayList<>(parts.reversed());
    }

    private Object partition(String text, String name, CallArguments arguments) {
        String separator = string(arguments.positionalOnly(name, "sep", REQUIRED)[0], name);
        if (separator.isEmpty()) throw new Problem("empty separator");
        int at = name.equals("partition") ? text.indexOf(separator) : text.lastIndexOf(separator);
        if (at < 0) return new Value.Tuple(name.equals("partition") ? List.of(text, "", "") : List.of("", "", text));
        return new Value.Tuple(List.of(text.substring(0, at), separator, text.substring(at + separator.length())));
    }

    private String padded(String text, String name, CallArguments arguments) {
        Object[] bound = name.equals("zfill") ? new Object[] {arguments.positionalOnly(name, "width", REQUIRED)[0], "0"}
                : arguments.positionalOnly(name, "width", REQUIRED, "fillchar", " ");
        long width = Values.integer(bound[0], "width");
        values.budget().text(width);
        String fill = string(bound[1], name);
        if (Values.length(fill) != 1) throw new Problem("the fill character must be one character");
        int missing = (int) Math.max(0, width - Values.length(text));
        return switch (name) {
            case "ljust" -> text + fill.repeat(missing);
            case "rjust" -> fill.repeat(missing) + text;
            case "center" -> {
                int left = missing / 2 + (missing & (int) width & 1);
                yield fill.repeat(left) + text + fill.repeat(missing - left);
            }
            default -> {
                String sign = text.startsWith("-") || text.startsWith("+") ? text.substring(0, 1) : "";
                yield sign + fill.repeat(missing) + text.substring(sign.length());
            }
        };
    }

    private String expandTabs(String text, long size) {
        StringBuilder out = new StringBuilder();
        long column = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\t') {
                long blanks = size > 0 ? size - column % size : 0;
                values.budget().append(out, blanks);
                out.append(" ".repeat((int) blanks));
                column += blanks;
            } else {
                out.append(c);
                column = c == '\n' || c == '\r' ? 0 : column + (Character.isLowSurrogate(c) ? 0 : 1);
            }
        }
        return out.toString();
    }

    /// Replaces the first `limit` occurrences (all when negative).
    String replace(String text, String old, String replacement, long limit) {
        if (limit == 0) return text;
        long found = occurrences(text, old);
        long count = limit < 0 ? found : Math.min(limit, found);
        values.budget().text(text.length() + count * replacement.length());
        StringBuilder out = new StringBuilder();
        int at = 0;
        for (long i = 0; i < count; i++) {
            int next = old.isEmpty() ? (i == 0 ? 0 : text.offsetByCodePoints(at, 1)) : text.indexOf(old, at);
            out.append(text, at, next).append(replacement);
            at = next + old.length();
        }
        return out.append(text.substring(at)).toString();
    }

    private static long occurrences(String text, String part) {
        if (part.isEmpty()) return Values.length(text) + 1;
        long count = 0;
        for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) count++;
        return count;
    }

    String join(String separator, List<Object> items, boolean stringsOnly) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < items.size(); i++) {
            String item = stringsOnly ? string(items.get(i), "join") : values.text(items.get(i));
            values.budget().append(out, (long) item.length() + separator.length());
            if (i > 0) out.append(separator);
            out.append(item);
        }
        return out.toString();
    }
}
