// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What MarkupSafe does to HTML: escape what comes in, strip tags, resolve character references.
final class Markups {
    private static final Map<String, String> NAMED = Map.of("amp", "&", "lt", "<", "gt", ">", "quot", "\"", "apos", "'", "nbsp", "\u00a0");

    private Markups() {}

    /// Arguments with every text, also inside sequences, escaped.
    static CallArguments escaped(CallArguments arguments, Values values) {
        List<Object> positional = new ArrayList<>();
        for (Object argument : arguments.positional()) positional.add(escaped(argument, values));
        Map<String, Object> named = new LinkedHashMap<>();
        arguments.named().forEach((name, value) -> named.put(name, escaped(value, values)));
        return new CallArguments(positional, named);
    }

    private static Object escaped(Object value, Values values) {
        if (value instanceof String text) return Value.Markup.escape(text);
        if (value instanceof List<?> || value instanceof Value.Tuple || value instanceof Value.Generator) {
            List<Object> items = new ArrayList<>();
            for (Object item : values.list(value)) items.add(item instanceof Value.Markup markup ? markup.text() : Value.Markup.escape(values.text(item)));
            return items;
        }
        return value;
    }

    static String stripTags(String html) {
        StringBuilder out = new StringBuilder(html);
        remove(out, "<!--", "-->");
        remove(out, "<", ">");
        return unescape(TextMethods.strip(out.toString().replaceAll("[\\s\\u0085\\p{Z}]+", " "), " ", true, true));
    }

    private static void remove(StringBuilder text, String open, String close) {
        StringBuilder kept = new StringBuilder();
        int at = 0;
        while (true) {
            int begin = text.indexOf(open, at);
            int end = begin < 0 ? -1 : text.indexOf(close, begin);
            if (end < 0) break;
            kept.append(text, at, begin);
            at = end + close.length();
        }
        kept.append(text, at, text.length());
        text.setLength(0);
        text.append(kept);
    }

    static String unescape(String html) {
        StringBuilder out = new StringBuilder();
        int at = 0;
        for (int begin = html.indexOf('&'); begin >= 0; begin = html.indexOf('&', begin + 1)) {
            int end = html.indexOf(';', begin);
            if (end < 0) break;
            String character = character(html.substring(begin + 1, Math.min(end, begin + 12)));
            if (character == null) continue;
            out.append(html, at, begin).append(character);
            at = end + 1;
        }
        return out.append(html.substring(at)).toString();
    }

    private static String character(String name) {
        if (!name.matches("#(\\d{1,7}|[xX][0-9a-fA-F]{1,6})")) return NAMED.get(name);
        boolean hexadecimal = name.charAt(1) == 'x' || name.charAt(1) == 'X';
        int point = Integer.parseInt(name.substring(hexadecimal ? 2 : 1), hexadecimal ? 16 : 10);
        return Character.isValidCodePoint(point) && point != 0 ? Character.toString(point) : "\ufffd";
    }
}
