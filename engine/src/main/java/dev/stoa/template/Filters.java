// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import static dev.stoa.template.CallArguments.REQUIRED;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// `value | name(arguments)`: filters of texts and numbers; those of sequences are in [SequenceFilters].
record Filters(Values values, Methods methods, Tests tests) {
    private static final Set<String> OF_TEXT = Set.of("trim", "length", "count", "tojson", "string", "default", "d", "safe", "escape",
            "e", "forceescape", "striptags", "upper", "lower", "capitalize", "title", "replace", "int", "float", "abs", "round", "indent",
            "center", "format", "truncate", "wordcount", "urlencode", "xmlattr", "filesizeformat", "attr");
    static final Set<String> NAMES = java.util.stream.Stream.concat(OF_TEXT.stream(), SequenceFilters.NAMES.stream())
            .collect(java.util.stream.Collectors.toUnmodifiableSet());

    static Filters of(Values values) {
        return new Filters(values, Methods.of(values), new Tests(values));
    }

    Object apply(String name, Object value, CallArguments arguments) {
        return switch (name) {
            case "trim" -> {
                Object chars = arguments.bind(name, "chars", null)[0];
                yield soft(value, text -> TextMethods.strip(text, chars == null ? null : Values.characters(chars), true, true));
            }
            case "length", "count" -> Values.length(value);
            case "tojson" -> toJson(value, arguments);
            case "string" -> soft(value, text -> text);
            case "safe" -> value instanceof Value.Markup ? value : new Value.Markup(values.text(value));
            case "escape", "e" -> value instanceof Value.Markup ? value : new Value.Markup(Value.Markup.escape(values.text(value)));
            case "forceescape" -> new Value.Markup(Value.Markup.escape(values.text(value)));
            case "striptags" -> Markups.stripTags(values.text(value));
            case "default", "d" -> {
                Object[] bound = arguments.bind(name, "default_value", "", "boolean", false);
                boolean replaced = value instanceof Value.Undefined || Values.truth(bound[1]) && !Values.truth(value);
                yield replaced ? bound[0] : value;
            }
            case "upper" -> soft(value, text -> text.toUpperCase(Locale.ROOT));
            case "lower" -> soft(value, TextMethods::lower);
            case "capitalize" -> soft(value, TextMethods::capitalize);
            case "title" -> title(values.text(value));
            case "replace" -> {
                Object[] bound = arguments.bind(name, "old", REQUIRED, "new", REQUIRED, "count", null);
                long count = bound[2] == null ? -1 : Values.integer(bound[2], "count");
                yield methods.texts().replace(values.text(value), values.text(bound[0]), values.text(bound[1]), count);
            }
            case "indent" -> indent(value, arguments);
            case "center" -> {
                Object width = arguments.bind(name, "width", 80L)[0];
                yield soft(value, text -> (String) methods.texts().call(text, "center", new CallArguments(List.of(width), Map.of())));
            }
            case "format" -> {
                boolean both = !arguments.positional().isEmpty() && !arguments.named().isEmpty();
                if (both) throw new Problem("format takes positional or named arguments, not both");
                Object text = value instanceof Value.Markup ? value : values.text(value);
                Object given = arguments.named().isEmpty() ? new Value.Tuple(arguments.positional()) : new java.util.LinkedHashMap<Object, Object>(arguments.named());
                yield new PercentFormat(values).apply(text, given);
            }
            case "truncate" -> truncate(value, arguments);
            case "wordcount" -> {
                arguments.bind(name);
                yield words(values.text(value));
            }
            case "urlencode" -> urlEncode(value);
            case "xmlattr" -> xmlAttributes(value, Values.truth(arguments.bind(name, "autospace", true)[0]));
            case "filesizeformat" -> fileSize(number(value), Values.truth(arguments.bind(name, "binary", false)[0]));
            case "attr" -> {
                Object attribute = arguments.bind(name, "name", REQUIRED)[0];
                if (!Values.isText(attribute)) throw new Problem("attr needs a name");
                boolean inDict = value instanceof Map<?, ?> && !Methods.has(value, Values.characters(attribute));
                yield inDict ? new Value.Undefined("'dict' has no attribute '" + attribute + "'") : Access.attribute(value, Values.characters(attribute));
            }
            case "int" -> toInt(value, arguments);
            case "float" -> toFloat(value, arguments);
            case "abs" -> value instanceof Double real ? (Object) Math.abs(real) : Values.isNumber(value) ? Values.whole(Values.big(value).abs())
                    : wrongType(name, value);
            case "round" -> round(value, arguments);
            default -> new SequenceFilters(this).apply(name, value, arguments);
        };
    }

    private static Object wrongType(String name, Object value) {
        throw new Problem("%s needs a number, not %s", name, Values.type(value));
    }

    /// Applies a rule to the text of a value; markup stays markup.
    private Object soft(Object value, java.util.function.UnaryOperator<String> rule) {
        String changed = rule.apply(values.text(value));
        return value instanceof Value.Markup ? new Value.Markup(changed) : changed;
    }

    /// Unlike the method of texts, only blanks, dashes and opening brackets end a word.
    private static String title(String text) {
        StringBuilder out = new StringBuilder(text.length());
        boolean inWord = false;
        for (int c : text.codePoints().toArray()) {
            out.append(inWord ? Character.toString(c).toLowerCase(Locale.ROOT) : Character.toString(c).toUpperCase(Locale.ROOT));
            inWord = !TextMethods.isSpace(c) && "-({[<".indexOf(c) < 0;
        }
        return out.toString();
    }

    private String toJson(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("tojson", "ensure_ascii", false, "indent", null, "separators", null, "sort_keys", false);
        String indent = bound[1] == null ? null : bound[1] instanceof String given ? given
                : " ".repeat((int) Math.clamp(Values.integer(bound[1], "indent"), 0L, 64L));
        String items = indent != null ? "," : ", ";
        String keys = ": ";
        if (bound[2] != null) {
            List<Object> separators = values.list(bound[2]);
            boolean pair = separators.size() == 2 && Values.isText(separators.get(0)) && Values.isText(separators.get(1));
            if (!pair) throw new Problem("tojson: separators must be a pair of texts");
            items = Values.characters(separators.get(0));
            keys = Values.characters(separators.get(1));
        }
        return new ToJson(values, Values.truth(bound[0]), indent, items, keys, Values.truth(bound[3])).write(value);
    }

    private Object indent(Object value, CallArguments arguments) {
        if (!Values.isText(value)) throw new Problem("indent needs a text, not %s", Values.type(value));
        Object[] bound = arguments.bind("indent", "width", 4L, "first", false, "blank", false);
        String prefix = Values.isText(bound[0]) ? Values.characters(bound[0])
                : " ".repeat((int) Math.clamp(Values.integer(bound[0], "width"), 0L, 1000L));
        List<Object> lines = TextMethods.lines(Values.characters(value) + "\n", false);
        values.budget().text(Values.characters(value).length() + (long) lines.size() * prefix.length());
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            if (i > 0) out.append('\n');
            boolean wanted = i == 0 ? Values.truth(bound[1]) : Values.truth(bound[2]) || !line.isEmpty();
            out.append(wanted ? prefix : "").append(line);
        }
        return value instanceof Value.Markup ? new Value.Markup(out.toString()) : out.toString();
    }

    private Object truncate(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("truncate", "length", 255L, "killwords", false, "end", "...", "leeway", null);
        long length = Values.integer(bound[0], "length");
        String end = values.text(bound[2]);
        long leeway = bound[3] == null ? 5 : Values.integer(bound[3], "leeway");
        if (length < Values.length(end) || leeway < 0) throw new Problem("truncate: the length is too small");
        if (Values.length(value) <= length + leeway) return value;
        Object head = new Access(values).slice(value, null, length - Values.length(end), null);
        if (!Values.isText(head)) throw new Problem("truncate needs a text, not %s", Values.type(value));
        String kept = Values.characters(head);
        if (!Values.truth(bound[1]) && kept.indexOf(' ') >= 0) kept = kept.substring(0, kept.lastIndexOf(' '));
        return kept + end;
    }

    private static long words(String text) {
        long count = 0;
        boolean inWord = false;
        for (int c : text.codePoints().toArray()) {
            boolean word = Character.isLetterOrDigit(c) || c == '_' || Character.getType(c) == Character.LETTER_NUMBER
                    || Character.getType(c) == Character.OTHER_NUMBER;
            if (word && !inWord) count++;
            inWord = word;
        }
        return count;
    }

    private String urlEncode(Object value) {
        if (Values.isText(value) || !Values.isIterable(value)) return quoted(values.text(value), false);
        List<Object> pairs = value instanceof Map<?, ?> map ? Methods.items(map) : values.list(value);
        StringBuilder out = new StringBuilder();
        for (Object item : pairs) {
            List<Object> pair = values.list(item);
            if (pair.size() != 2) throw new Problem("urlencode needs pairs");
            out.append(out.isEmpty() ? "" : "&").append(quoted(values.text(pair.get(0)), true)).append('=').append(quoted(values.text(pair.get(1)), true));
        }
        return out.toString();
    }

    private static String quoted(String text, boolean query) {
        StringBuilder out = new StringBuilder();
        for (byte b : text.getBytes(java.nio.charset.StandardCharsets.UTF_8)) {
            boolean plain = b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || "_.-~".indexOf(b) >= 0 || b == '/' && !query;
            if (plain) out.append((char) b);
            else out.append(query && b == ' ' ? "+" : "%%%02X".formatted(b & 255));
        }
        return out.toString();
    }

    private String xmlAttributes(Object value, boolean leadingSpace) {
        if (!(value instanceof Map<?, ?> map)) throw new Problem("xmlattr needs a mapping, not %s", Values.type(value));
        StringBuilder out = new StringBuilder();
        map.forEach((key, item) -> {
            if (item == null || item instanceof Value.Undefined) return;
            if (!(key instanceof String name) || name.chars().anyMatch(c -> " \t\n\r\f\u000b/>=".indexOf(c) >= 0)) {
                throw new Problem("invalid character in attribute name");
            }
            String text = item instanceof Value.Markup markup ? markup.text() : Value.Markup.escape(values.text(item));
            out.append(out.isEmpty() ? "" : " ").append(Value.Markup.escape(name)).append("=\"").append(text).append('"');
        });
        return leadingSpace && !out.isEmpty() ? " " + out : out.toString();
    }

    private static double number(Object value) {
        if (Values.isNumber(value)) return Values.number(value);
        Double parsed = Values.isText(value) ? parsed(Values.characters(value)) : null;
        if (parsed == null) throw new Problem("not a number: %s", Values.type(value));
        return parsed;
    }

    private static String fileSize(double bytes, boolean binary) {
        double base = binary ? 1024 : 1000;
        if (bytes == 1) return "1 Byte";
        if (bytes < base) return (long) bytes + " Bytes";
        String prefixes = "kMGTPEZY";
        double unit = base;
        int i = 0;
        while (bytes >= unit * base && i + 1 < prefixes.length()) {
            unit *= base;
            i++;
        }
        String prefix = binary ? Character.toUpperCase(prefixes.charAt(i)) + "iB" : prefixes.charAt(i) + "B";
        return new BigDecimal(base * bytes / (unit * base)).setScale(1, RoundingMode.HALF_EVEN).toPlainString() + " " + prefix;
    }

    private Object toInt(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("int", "default", 0L, "base", 10L);
        if (value instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        Double real = value instanceof Double number ? number : null;
        if (Values.isText(value)) {
            int base = (int) Values.integer(bound[1], "base");
            String digits = TextMethods.strip(Values.characters(value), null, true, true);
            BigInteger whole = whole(digits, base);
            if (whole != null) return Values.whole(whole);
            real = parsed(digits);
        }
        if (real != null) return Double.isNaN(real) || Double.isInfinite(real) ? bound[0] : Values.whole(new BigDecimal(real).toBigInteger());
        return Values.isInteger(value) ? Values.whole(Values.big(value)) : bound[0];
    }

    /// Python's int(text, base), or null.
    private static BigInteger whole(String text, int base) {
        String digits = text.startsWith("-") || text.startsWith("+") ? text.substring(1) : text;
        int radix = base;
        String low = digits.toLowerCase(Locale.ROOT);
        int prefixed = low.startsWith("0x") ? 16 : low.startsWith("0o") ? 8 : low.startsWith("0b") ? 2 : 0;
        if (prefixed > 0 && (base == prefixed || base == 0)) {
            radix = prefixed;
            digits = digits.substring(digits.startsWith("_", 2) ? 3 : 2);
        } else if (base == 0) {
            radix = 10;
        }
        if (radix < 2 || radix > 36 || digits.length() > 4300 || !digits.matches("[\\p{Nd}\\p{Alpha}]+(_[\\p{Nd}\\p{Alpha}]+)*")) return null;
        try {
            BigInteger size = new BigInteger(digits.replace("_", ""), radix);
            return text.startsWith("-") ? size.negate() : size;
        } catch (NumberFormatException notANumber) {
            return null;
        }
    }

    /// Python's float(text), or null.
    private static Double parsed(String given) {
        String text = TextMethods.strip(given, null, true, true);
        String low = text.toLowerCase(Locale.ROOT);
        if (low.matches("[+-]?(inf|infinity)")) return low.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
        if (low.matches("[+-]?nan")) return Double.NaN;
        boolean decimal = text.matches("[+-]?(\\d+(_\\d+)*\\.?(\\d+(_\\d+)*)?|\\.\\d+(_\\d+)*)([eE][+-]?\\d+(_\\d+)*)?");
        return decimal ? (Double) Double.parseDouble(text.replace("_", "")) : null;
    }

    private static Object toFloat(Object value, CallArguments arguments) {
        Object fallback = arguments.bind("float", "default", 0.0)[0];
        if (value instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        if (Values.isNumber(value)) return Values.number(value);
        Double parsed = Values.isText(value) ? parsed(Values.characters(value)) : null;
        return parsed != null ? (Object) parsed : fallback;
    }

    private static Object round(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("round", "precision", 0L, "method", "common");
        int digits = (int) Math.clamp(Values.integer(bound[0], "precision"), -300L, 300L);
        if (!Values.isNumber(value)) return wrongType("round", value);
        double number = Values.number(value);
        String method = Values.isText(bound[1]) ? Values.characters(bound[1]) : "";
        boolean finite = !Double.isNaN(number) && !Double.isInfinite(number);
        return switch (method) {
            case "common" -> {
                if (Values.isInteger(value)) {
                    yield digits >= 0 ? Values.whole(Values.big(value))
                            : Values.whole(new BigDecimal(Values.big(value)).setScale(digits, RoundingMode.HALF_EVEN).toBigInteger());
                }
                yield finite ? (Object) Math.copySign(new BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN).doubleValue(), number) : value;
            }
            case "ceil", "floor" -> {
                if (!finite) throw new Problem("cannot convert to an integer");
                double scale = Math.pow(10, digits);
                double scaled = method.equals("ceil") ? Math.ceil(number * scale) : Math.floor(number * scale);
                yield (scaled + 0.0) / scale;
            }
            default -> throw new Problem("round: method must be 'common', 'ceil' or 'floor'");
        };
    }
}
