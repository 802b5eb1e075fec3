// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import static dev.stoa.template.CallArguments.REQUIRED;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// `value | name(arguments)`.
record Filters(Values values, Methods methods, Tests tests) {
    static final Set<String> NAMES = Set.of("trim", "length", "count", "tojson", "string", "default", "d", "safe", "items", "upper",
            "lower", "capitalize", "title", "dictsort", "join", "list", "map", "select", "reject", "selectattr", "rejectattr",
            "first", "last", "replace", "int", "float", "abs", "round", "reverse", "sort", "unique", "sum", "min", "max", "indent");

    static Filters of(Values values) {
        return new Filters(values, new Methods(values), new Tests(values));
    }

    Object apply(String name, Object value, CallArguments arguments) {
        return switch (name) {
            case "trim" -> {
                Object chars = arguments.bind(name, "chars", null)[0];
                yield Methods.strip(values.text(value), chars == null ? null : values.text(chars), true, true);
            }
            case "length", "count" -> Values.length(value);
            case "tojson" -> toJson(value, arguments);
            case "string", "safe" -> values.text(value);
            case "default", "d" -> {
                Object[] bound = arguments.bind(name, "default_value", "", "boolean", false);
                boolean replaced = value instanceof Value.Undefined || Values.truth(bound[1]) && !Values.truth(value);
                yield replaced ? bound[0] : value;
            }
            case "items" -> {
                if (value instanceof Value.Undefined) yield new Value.Generator(List.of());
                yield new Value.Generator(Methods.items(map(value, name)));
            }
            case "upper" -> values.text(value).toUpperCase(Locale.ROOT);
            case "lower" -> values.text(value).toLowerCase(Locale.ROOT);
            case "capitalize" -> Methods.capitalize(values.text(value));
            case "title" -> title(values.text(value));
            case "replace" -> {
                Object[] bound = arguments.bind(name, "old", REQUIRED, "new", REQUIRED, "count", null);
                long count = bound[2] == null ? -1 : Values.integer(bound[2], "count");
                yield methods.replace(values.text(value), values.text(bound[0]), values.text(bound[1]), count);
            }
            case "indent" -> indent(values.text(value), arguments);
            case "int" -> toInt(value, arguments);
            case "float" -> toFloat(value, arguments);
            case "abs" -> Values.isInteger(value) ? (Object) Math.absExact(Values.integer(value, "")) : (Object) Math.abs(Values.number(value));
            case "round" -> round(value, arguments);
            default -> ofSequence(name, value, arguments);
        };
    }

    private Object ofSequence(String name, Object value, CallArguments arguments) {
        return switch (name) {
            case "list" -> new ArrayList<>(values.list(value));
            case "first" -> edge(value, true);
            case "last" -> {
                if (value instanceof Value.Generator) throw new Problem("a generator has no last item; use '| list' first");
                yield edge(value, false);
            }
            case "reverse" -> {
                if (value instanceof String text) yield new StringBuilder(text).reverse().toString();
                yield new ArrayList<>(values.list(value)).reversed();
            }
            case "join" -> {
                Object[] bound = arguments.bind(name, "d", "", "attribute", null);
                yield methods.join(values.text(bound[0]), attributes(values.list(value), bound[1]), false);
            }
            case "map" -> new Value.Generator(map(orEmpty(value), arguments));
            case "select", "reject" -> new Value.Generator(select(orEmpty(value), arguments, false, name.equals("select")));
            case "selectattr", "rejectattr" ->
                new Value.Generator(select(orEmpty(value), arguments, true, name.equals("selectattr")));
            case "sort" -> {
                Object[] bound = arguments.bind(name, "reverse", false, "case_sensitive", false, "attribute", null);
                yield sorted(values.list(value), bound[2], Values.truth(bound[1]), Values.truth(bound[0]));
            }
            case "dictsort" -> {
                Object[] bound = arguments.bind(name, "case_sensitive", false, "by", "key", "reverse", false);
                Object index = switch (values.text(bound[1])) {
                    case "key" -> 0L;
                    case "value" -> 1L;
                    default -> throw new Problem("dictsort: by must be 'key' or 'value'");
                };
                yield sorted(Methods.items(map(value, name)), index, Values.truth(bound[0]), Values.truth(bound[2]));
            }
            case "unique" -> {
                Object[] bound = arguments.bind(name, "case_sensitive", false, "attribute", null);
                yield new Value.Generator(unique(values.list(value), bound[1], Values.truth(bound[0])));
            }
            case "min", "max" -> {
                Object[] bound = arguments.bind(name, "case_sensitive", false, "attribute", null);
                yield edge(sorted(values.list(value), bound[1], Values.truth(bound[0]), name.equals("max")), true);
            }
            case "sum" -> {
                Object[] bound = arguments.bind(name, "attribute", null, "start", 0L);
                Object sum = bound[1];
                Arithmetic arithmetic = new Arithmetic(values);
                for (Object item : attributes(values.list(value), bound[0])) sum = arithmetic.apply("+", sum, item);
                yield sum;
            }
            default -> throw new Problem("unknown filter '%s'", name);
        };
    }

    /// Unlike the method of texts, only blanks, dashes and opening brackets end a word.
    private static String title(String text) {
        StringBuilder out = new StringBuilder(text.length());
        boolean inWord = false;
        for (int c : text.codePoints().toArray()) {
            out.append(inWord ? Character.toString(c).toLowerCase(Locale.ROOT) : Character.toString(c).toUpperCase(Locale.ROOT));
            inWord = !Methods.isSpace(c) && "-({[<".indexOf(c) < 0;
        }
        return out.toString();
    }

    private String toJson(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("tojson", "ensure_ascii", false, "indent", null, "separators", null, "sort_keys", false);
        int indent = bound[1] == null ? -1 : (int) Math.clamp(Values.integer(bound[1], "indent"), 0L, 64L);
        String items = indent >= 0 ? "," : ", ";
        String keys = ": ";
        if (bound[2] != null) {
            List<Object> separators = values.list(bound[2]);
            if (separators.size() != 2) throw new Problem("tojson: separators must be a pair");
            items = values.text(separators.get(0));
            keys = values.text(separators.get(1));
        }
        return new ToJson(values.budget(), Values.truth(bound[0]), indent, items, keys, Values.truth(bound[3])).write(value);
    }

    private static Map<?, ?> map(Object value, String name) {
        if (value instanceof Map<?, ?> map) return map;
        throw new Problem("%s needs a mapping, not %s", name, Values.type(value));
    }

    private Object edge(Object value, boolean first) {
        List<Object> items = values.list(value);
        if (items.isEmpty()) return new Value.Undefined("there is no " + (first ? "first" : "last") + " item, the sequence was empty");
        return first ? items.getFirst() : items.getLast();
    }

    /// A value by a dotted path; null is the value itself.
    private static Object attribute(Object value, Object path) {
        if (path == null) return value;
        if (path instanceof Long index) return Values.item(value, index);
        Object result = value;
        for (String part : ((String) path).split("\\.", -1)) {
            boolean digits = !part.isEmpty() && part.length() < 10 && part.chars().allMatch(c -> c >= '0' && c <= '9');
            result = Values.item(result, digits ? (Object) Long.valueOf(part) : part);
        }
        return result;
    }

    private static List<Object> attributes(List<Object> items, Object path) {
        if (path != null && !(path instanceof String) && !(path instanceof Long)) throw new Problem("attribute must be a string");
        List<Object> result = new ArrayList<>(items.size());
        for (Object item : items) result.add(attribute(item, path));
        return result;
    }

    /// What is false, even None, has no items for `map` and `select`.
    private List<Object> orEmpty(Object value) {
        return Values.truth(value) ? values.list(value) : List.of();
    }

    private List<Object> map(List<Object> items, CallArguments arguments) {
        if (arguments.positional().isEmpty()) {
            Object[] bound = arguments.bind("map", "attribute", REQUIRED, "default", CallArguments.OMITTED);
            List<Object> result = attributes(items, bound[0]);
            if (bound[1] != CallArguments.OMITTED) result.replaceAll(item -> item instanceof Value.Undefined ? bound[1] : item);
            return result;
        }
        String filter = name(arguments.positional().getFirst(), NAMES, "filter");
        List<Object> positional = arguments.positional().subList(1, arguments.positional().size());
        List<Object> result = new ArrayList<>(items.size());
        for (Object item : items) result.add(apply(filter, item, new CallArguments(positional, arguments.named())));
        return result;
    }

    private List<Object> select(List<Object> items, CallArguments arguments, boolean byAttribute, boolean keep) {
        List<Object> rest = new ArrayList<>(arguments.positional());
        if (!arguments.named().isEmpty() || byAttribute && rest.isEmpty()) throw new Problem("select and reject take positional arguments only");
        Object path = byAttribute ? rest.removeFirst() : null;
        String test = rest.isEmpty() ? null : name(rest.removeFirst(), Tests.NAMES, "test");
        List<Object> result = new ArrayList<>();
        for (Object item : items) {
            Object value = attribute(item, path);
            boolean holds = test == null ? Values.truth(value) : tests.test(test, value, rest);
            if (holds == keep) result.add(item);
        }
        return result;
    }

    private static String name(Object value, Set<String> known, String kind) {
        if (value instanceof String text && known.contains(text)) return text;
        throw new Problem("unknown %s '%s'", kind, value);
    }

    private List<Object> sorted(List<Object> items, Object path, boolean caseSensitive, boolean reverse) {
        values.budget().elements(items.size() * 16L);
        List<Object> result = new ArrayList<>(items);
        Comparator<Object> order = (a, b) -> values.compare(key(a, path, caseSensitive), key(b, path, caseSensitive));
        result.sort(reverse ? Collections.reverseOrder(order) : order);
        return result;
    }

    private static Object key(Object item, Object path, boolean caseSensitive) {
        Object value = attribute(item, path);
        return value instanceof String text && !caseSensitive ? text.toLowerCase(Locale.ROOT) : value;
    }

    private static List<Object> unique(List<Object> items, Object path, boolean caseSensitive) {
        Map<Object, Object> seen = new LinkedHashMap<>();
        for (Object item : items) seen.putIfAbsent(key(item, path, caseSensitive), item);
        return new ArrayList<>(seen.values());
    }

    private String indent(String text, CallArguments arguments) {
        Object[] bound = arguments.bind("indent", "width", 4L, "first", false, "blank", false);
        String prefix = bound[0] instanceof String given ? given
                : " ".repeat((int) Math.clamp(Values.integer(bound[0], "width"), 0L, 1000L));
        String[] lines = text.split("\n", -1);
        values.budget().text(text.length() + (long) lines.length * prefix.length());
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < lines.length; i++) {
            if (i > 0) out.append('\n');
            boolean wanted = i == 0 ? Values.truth(bound[1]) : Values.truth(bound[2]) || !lines[i].isEmpty();
            out.append(wanted ? prefix : "").append(lines[i]);
        }
        return out.toString();
    }

    private Object toInt(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("int", "default", 0L, "base", 10L);
        try {
            if (Values.isNumber(value)) return value instanceof Double number ? (long) number.doubleValue() : (Object) Values.integer(value, "");
            if (!(value instanceof String text)) return bound[0];
            String digits = text.strip().replace("_", "");
            int base = Math.toIntExact(Values.integer(bound[1], "base"));
            return base == 10 && digits.matches("[+-]?\\d*\\.\\d*([eE][+-]?\\d+)?") ? (Object) (long) Double.parseDouble(digits) : (Object) Long.parseLong(digits, base);
        } catch (NumberFormatException notANumber) {
            return bound[0];
        }
    }

    private static Object toFloat(Object value, CallArguments arguments) {
        Object fallback = arguments.bind("float", "default", 0.0)[0];
        if (Values.isNumber(value)) return Values.number(value);
        boolean decimal = value instanceof String text && text.strip().matches("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?");
        return decimal ? (Object) Double.parseDouble(((String) value).strip()) : fallback;
    }

    private Object round(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("round", "precision", 0L, "method", "common");
        int digits = (int) Math.clamp(Values.integer(bound[0], "precision"), -300L, 300L);
        RoundingMode mode = switch (values.text(bound[1])) {
            case "common" -> RoundingMode.HALF_EVEN;
            case "ceil" -> RoundingMode.CEILING;
            case "floor" -> RoundingMode.FLOOR;
            default -> throw new Problem("round: method must be 'common', 'ceil' or 'floor'");
        };
        if (Values.isInteger(value) && mode == RoundingMode.HALF_EVEN && digits >= 0) return Values.integer(value, "");
        return new BigDecimal(Values.number(value)).setScale(digits, mode).doubleValue();
    }
}
