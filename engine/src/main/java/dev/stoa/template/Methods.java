// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Methods of texts and dicts that templates call. Nothing here changes its target: templates run in a sandbox where
/// `append` and the like are refused.
record Methods(Values values) {
    private static final Set<String> OF_TEXT = Set.of("strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith",
            "endswith", "replace", "lower", "upper", "title", "capitalize", "join", "find", "rfind", "index", "count", "isdigit",
            "isalpha", "isalnum", "isspace", "isupper", "islower", "removeprefix", "removesuffix", "zfill", "format");
    private static final Set<String> OF_DICT = Set.of("get", "items", "keys", "values", "copy");
    private static final Set<String> OF_LIST = Set.of("index", "count", "copy");

    static boolean has(Object target, String name) {
        return switch (target) {
            case String _ -> OF_TEXT.contains(name);
            case Map<?, ?> _ -> OF_DICT.contains(name);
            case List<?> _ -> OF_LIST.contains(name);
            case null, default -> false;
        };
    }

    Object call(Object target, String name, CallArguments arguments) {
        return switch (target) {
            case String text -> ofText(text, name, arguments);
            case Map<?, ?> map -> ofDict(map, name, arguments);
            case List<?> list -> ofList(list, name, arguments);
            case Value.Loop loop when !arguments.positional().isEmpty() ->
                arguments.positional().get(loop.index() % arguments.positional().size());
            case null, default -> throw new Problem("%s has no method '%s'", Values.type(target), name);
        };
    }

    private Object ofText(String text, String name, CallArguments arguments) {
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
            case "splitlines" -> {
                arguments.bind(name);
                yield new ArrayList<Object>(text.lines().toList());
            }
            case "startswith" -> affixes(name, arguments).stream().anyMatch(text::startsWith);
            case "endswith" -> affixes(name, arguments).stream().anyMatch(text::endsWith);
            case "replace" -> {
                Object[] bound = arguments.bind(name, "old", CallArguments.REQUIRED, "new", CallArguments.REQUIRED, "count", -1L);
                yield replace(text, string(bound[0], name), string(bound[1], name), Values.integer(bound[2], "count"));
            }
            case "join" -> join(text, values.list(arguments.bind(name, "iterable", CallArguments.REQUIRED)[0]), true);
            case "find" -> codePoints(text, text.indexOf(string(arguments.bind(name, "sub", CallArguments.REQUIRED)[0], name)));
            case "rfind" -> codePoints(text, text.lastIndexOf(string(arguments.bind(name, "sub", CallArguments.REQUIRED)[0], name)));
            case "index" -> {
                int at = text.indexOf(string(arguments.bind(name, "sub", CallArguments.REQUIRED)[0], name));
                if (at < 0) throw new Problem("substring not found");
                yield codePoints(text, at);
            }
            case "count" -> (long) occurrences(text, string(arguments.bind(name, "sub", CallArguments.REQUIRED)[0], name));
            case "removeprefix" -> {
                String prefix = string(arguments.bind(name, "prefix", CallArguments.REQUIRED)[0], name);
                yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
            }
            case "removesuffix" -> {
                String suffix = string(arguments.bind(name, "suffix", CallArguments.REQUIRED)[0], name);
                yield text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
            }
            case "format" -> format(text, arguments);
            case "zfill" -> {
                long width = Values.integer(arguments.bind(name, "width", CallArguments.REQUIRED)[0], "width");
                values.budget().text(width);
                String sign = text.startsWith("-") || text.startsWith("+") ? text.substring(0, 1) : "";
                String zeros = "0".repeat((int) Math.max(0, width - Values.length(text)));
                yield sign + zeros + text.substring(sign.length());
            }
            default -> {
                arguments.bind(name);
                yield plain(text, name);
            }
        };
    }

    /// `{}`, `{0}` and `{name}` without format specifications.
    private String format(String text, CallArguments arguments) {
        StringBuilder out = new StringBuilder();
        int next = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '{' && c != '}' || text.startsWith(c + "" + c, i)) {
                out.append(c);
                if (c == '{' || c == '}') i++;
                continue;
            }
            int end = text.indexOf('}', i);
            String field = c == '{' && end > 0 ? text.substring(i + 1, end) : "?";
            boolean positional = field.matches("\\d{0,3}");
            if (!positional && !arguments.named().containsKey(field)) throw new Problem("format: the field {%s} is not supported", field);
            int index = !positional ? -1 : field.isEmpty() ? next++ : Integer.parseInt(field);
            if (index >= arguments.positional().size()) throw new Problem("format: there is no argument %d", index);
            String value = values.text(positional ? arguments.positional().get(index) : arguments.named().get(field));
            values.budget().append(out, value.length());
            out.append(value);
            i = end;
        }
        return out.toString();
    }

    private static Object plain(String text, String name) {
        return switch (name) {
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "title" -> title(text);
            case "capitalize" -> capitalize(text);
            case "isdigit" -> !text.isEmpty() && text.codePoints().allMatch(Character::isDigit);
            case "isalpha" -> !text.isEmpty() && text.codePoints().allMatch(Character::isLetter);
            case "isalnum" -> !text.isEmpty() && text.codePoints().allMatch(Character::isLetterOrDigit);
            case "isspace" -> !text.isEmpty() && text.codePoints().allMatch(Methods::isSpace);
            case "isupper" -> text.codePoints().anyMatch(Character::isUpperCase) && text.codePoints().noneMatch(Character::isLowerCase);
            case "islower" -> text.codePoints().anyMatch(Character::isLowerCase) && text.codePoints().noneMatch(Character::isUpperCase);
            default -> throw new IllegalStateException(name);
        };
    }

    static String capitalize(String text) {
        if (text.isEmpty()) return text;
        int first = text.offsetByCodePoints(0, 1);
        return Character.toString(Character.toTitleCase(text.codePointAt(0))) + text.substring(first).toLowerCase(Locale.ROOT);
    }

    static String title(String text) {
        StringBuilder out = new StringBuilder(text.length());
        boolean inWord = false;
        for (int c : text.codePoints().toArray()) {
            out.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
            inWord = Character.isLetter(c);
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
        Object chars = arguments.bind(name, "chars", null)[0];
        return chars == null ? null : string(chars, name);
    }

    private static String string(Object value, String name) {
        if (value instanceof String text) return text;
        throw new Problem("%s needs a string, not %s", name, Values.type(value));
    }

    private static List<String> affixes(String name, CallArguments arguments) {
        Object affix = arguments.bind(name, "prefix", CallArguments.REQUIRED)[0];
        if (affix instanceof Value.Tuple tuple) return tuple.items().stream().map(item -> string(item, name)).toList();
        return List.of(string(affix, name));
    }

    private static List<Object> split(String text, String separator, long limit) {
        List<Object> parts = new ArrayList<>();
        if (separator == null) {
            String rest = strip(text, null, true, false);
            while (!rest.isEmpty()) {
                int end = 0;
                while (end < rest.length() && !isSpace(rest.charAt(end))) end++;
                boolean last = limit >= 0 && parts.size() >= limit;
                parts.add(last ? rest : rest.substring(0, end));
                rest = last ? "" : strip(rest.substring(end), null, true, false);
            }
            return parts;
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
        if (separator == null || separator.isEmpty()) throw new Problem("rsplit with a limit needs a separator");
        List<Object> parts = new ArrayList<>();
        int end = text.length();
        for (int at = text.lastIndexOf(separator, end - separator.length()); at >= 0 && parts.size() < limit;
                at = text.lastIndexOf(separator, end - separator.length())) {
            parts.addFirst(text.substring(at + separator.length(), end));
            end = at;
        }
        parts.addFirst(text.substring(0, end));
        return parts;
    }

    /// Replaces the first `limit` occurrences (all when negative).
    String replace(String text, String old, String replacement, long limit) {
        if (limit == 0) return text;
        long found = occurrences(text, old);
        long count = limit < 0 ? found : Math.min(limit, found);
        values.budget().text(text.length() + count * replacement.length());
        if (limit < 0) return text.replace(old, replacement);
        StringBuilder out = new StringBuilder();
        int at = 0;
        for (long i = 0; i < count; i++) {
            int next = text.indexOf(old, old.isEmpty() && i > 0 ? at + 1 : at);
            out.append(text, at, next).append(replacement);
            at = next + old.length();
        }
        return out.append(text.substring(at)).toString();
    }

    private static int occurrences(String text, String part) {
        if (part.isEmpty()) return text.length() + 1;
        int count = 0;
        for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) count++;
        return count;
    }

    private static long codePoints(String text, int at) {
        return at < 0 ? -1 : text.codePointCount(0, at);
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

    private static Object ofDict(Map<?, ?> map, String name, CallArguments arguments) {
        return switch (name) {
            case "get" -> {
                Object[] bound = arguments.bind(name, "key", CallArguments.REQUIRED, "default", null);
                yield map.containsKey(bound[0]) ? map.get(bound[0]) : bound[1];
            }
            case "items" -> items(map);
            case "keys" -> new ArrayList<Object>(map.keySet());
            case "values" -> new ArrayList<Object>(map.values());
            case "copy" -> new java.util.LinkedHashMap<Object, Object>(map);
            default -> throw new IllegalStateException(name);
        };
    }

    static List<Object> items(Map<?, ?> map) {
        List<Object> pairs = new ArrayList<>();
        map.forEach((key, value) -> pairs.add(new Value.Tuple(java.util.Arrays.asList(key, value))));
        return pairs;
    }

    private Object ofList(List<?> list, String name, CallArguments arguments) {
        if (name.equals("copy")) return new ArrayList<Object>(list);
        Object wanted = arguments.bind(name, "value", CallArguments.REQUIRED)[0];
        long count = 0;
        for (int i = 0; i < list.size(); i++) {
            if (!values.equal(list.get(i), wanted)) continue;
            if (name.equals("index")) return (long) i;
            count++;
        }
        if (name.equals("index")) throw new Problem("the value is not in the list");
        return count;
    }
}
