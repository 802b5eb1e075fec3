// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/// Python's behavior of values, as far as templates can see it: truth, text, equality, order, membership, elements.
record Values(Budget budget) {
    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof Boolean || value instanceof BigInteger;
    }

    static boolean isNumber(Object value) {
        return value instanceof Double || isInteger(value);
    }

    static boolean isText(Object value) {
        return value instanceof String || value instanceof Value.Markup;
    }

    /// The characters of a text or markup.
    static String characters(Object value) {
        return value instanceof Value.Markup markup ? markup.text() : (String) value;
    }

    static long integer(Object value, String what) {
        if (value instanceof Long number) return number;
        if (value instanceof Boolean flag) return flag ? 1 : 0;
        if (value instanceof BigInteger big) return big.signum() < 0 ? Long.MIN_VALUE / 4 : Long.MAX_VALUE / 4;
        throw new Problem("%s must be an integer, not %s", what, type(value));
    }

    static BigInteger big(Object value) {
        return value instanceof BigInteger big ? big : BigInteger.valueOf(integer(value, "a number"));
    }

    /// A result as Long when it fits.
    static Object whole(BigInteger value) {
        return value.bitLength() < 64 ? (Object) value.longValue() : (Object) value;
    }

    static double number(Object value) {
        return value instanceof Double number ? number : value instanceof BigInteger big ? big.doubleValue() : integer(value, "a number");
    }

    static String type(Object value) {
        return switch (value) {
            case null -> "None";
            case String _ -> "str";
            case Boolean _ -> "bool";
            case Long _ -> "int";
            case BigInteger _ -> "int";
            case Double _ -> "float";
            case List<?> _ -> "list";
            case Map<?, ?> _ -> "dict";
            case Value special -> switch (special) {
                case Value.Markup _ -> "Markup";
                case Value.Tuple _ -> "tuple";
                case Value.Undefined _ -> "undefined";
                case Value.Namespace _ -> "namespace";
                case Value.Generator _ -> "generator";
                case Value.Range _ -> "range";
                case Value.View view -> view.name();
                case Value.Loop _ -> "loop";
                case Value.Joiner _ -> "joiner";
                case Value.Cycler _ -> "cycler";
                case Value.MacroValue _, Value.Named _, Value.Method _ -> "function";
            };
            default -> throw new IllegalStateException(value.getClass().getName());
        };
    }

    static boolean truth(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean flag -> flag;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case String text -> !text.isEmpty();
            case Value.Markup text -> !text.text().isEmpty();
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case Value.Tuple tuple -> !tuple.items().isEmpty();
            case Value.Range range -> !range.items().isEmpty();
            case Value.View view -> !view.items().isEmpty();
            case Value.Undefined _ -> false;
            default -> true;
        };
    }

    /// The elements of what has a length and can be iterated over again, or null.
    @SuppressWarnings("unchecked")
    private static List<Object> elements(Object value) {
        return switch (value) {
            case List<?> list -> (List<Object>) list;
            case Value.Tuple tuple -> tuple.items();
            case Value.Range range -> range.items();
            case Value.View view -> view.items();
            case Map<?, ?> map -> new ArrayList<>(map.keySet());
            case String text -> new ArrayList<>(text.codePoints().mapToObj(Character::toString).toList());
            case Value.Markup text -> new ArrayList<>(text.text().codePoints().mapToObj(c -> new Value.Markup(Character.toString(c))).toList());
            case Value.Undefined _ -> List.of();
            case null, default -> null;
        };
    }

    static boolean isIterable(Object value) {
        return isText(value) || value instanceof Value.Generator || value instanceof Value.Loop || elements(value) != null;
    }

    /// The elements of something a loop can run over; a generator is used up.
    List<Object> list(Object value) {
        List<Object> items = elements(value);
        if (items == null) {
            Iterator<Object> rest = iterator(value);
            items = new ArrayList<>();
            while (rest.hasNext()) {
                budget.step();
                items.add(rest.next());
            }
            return items;
        }
        budget.elements(items.size());
        return items;
    }

    /// Goes through a value without taking elements of a generator ahead of time.
    Iterator<Object> iterator(Object value) {
        if (value instanceof Value.Generator generator) return generator.rest();
        List<Object> items = elements(value);
        if (items == null) throw new Problem("%s cannot be iterated over", type(value));
        budget.elements(items.size());
        return items.iterator();
    }

    /// The length of a sequence, or -1 when it has none.
    static long lengthOrUnknown(Object value) {
        if (value instanceof Map<?, ?> map) return map.size();
        if (value instanceof Value.Loop loop) return loop.length();
        if (isText(value)) return characters(value).codePointCount(0, characters(value).length());
        List<Object> items = elements(value);
        return items == null ? -1 : items.size();
    }

    static long length(Object value) {
        long length = lengthOrUnknown(value);
        if (length < 0) throw new Problem("%s has no length", type(value));
        return length;
    }

    /// What `{{ value }}` writes.
    String text(Object value) {
        return switch (value) {
            case String text -> text;
            case Value.Markup markup -> markup.text();
            case Value.Undefined _ -> "";
            case null, default -> repr(value);
        };
    }

    String repr(Object value) {
        StringBuilder out = new StringBuilder();
        repr(value, out);
        return out.toString();
    }

    private void repr(Object value, StringBuilder out) {
        budget.step();
        budget.append(out, value instanceof String text ? text.length() : 0);
        switch (value) {
            case null -> out.append("None");
            case Boolean flag -> out.append(flag ? "True" : "False");
            case Long number -> out.append(number.longValue());
            case BigInteger number -> out.append(number);
            case Double number -> out.append(decimal(number));
            case String text -> quote(text, out);
            case List<?> list -> reprAll(list, "[", "]", out);
            case Map<?, ?> map -> reprMap(map, out);
            case Value special -> {
                switch (special) {
                    case Value.Markup markup -> {
                        out.append("Markup(");
                        quote(markup.text(), out);
                        out.append(')');
                    }
                    case Value.Undefined _ -> out.append("Undefined");
                    case Value.Tuple tuple -> reprAll(tuple.items(), "(", tuple.items().size() == 1 ? ",)" : ")", out);
                    case Value.Range range -> out.append(range.text());
                    case Value.View view -> {
                        out.append(view.name()).append('(');
                        reprAll(view.items(), "[", "]", out);
                        out.append(')');
                    }
                    case Value.Namespace space -> {
                        out.append("<Namespace ");
                        reprMap(space.fields(), out);
                        out.append('>');
                    }
                    case Value.MacroValue macro -> out.append(macro.macro().name() == null ? "<Macro anonymous>" : "<Macro ")
                            .append(macro.macro().name() == null ? "" : repr(macro.macro().name()) + ">");
                    case Value.Loop loop -> out.append("<LoopContext ").append(loop.get("index")).append('/').append(loop.length()).append('>');
                    // Python prints an address, which is different each time
                    case Value.Generator _, Value.Named _, Value.Method _, Value.Joiner _, Value.Cycler _ ->
                        out.append('<').append(type(special)).append(" object>");
                }
            }
            default -> throw new IllegalStateException(value.getClass().getName());
        }
    }

    private void reprMap(Map<?, ?> map, StringBuilder out) {
        String separator = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            out.append(separator);
            separator = ", ";
            repr(entry.getKey(), out);
            out.append(": ");
            repr(entry.getValue(), out);
        }
        out.append(map.isEmpty() ? "{}" : "}");
    }

    private void reprAll(List<?> items, String open, String close, StringBuilder out) {
        String separator = open;
        for (Object item : items) {
            out.append(separator);
            separator = ", ";
            repr(item, out);
        }
        out.append(items.isEmpty() ? open + close : close);
    }

    private static void quote(String text, StringBuilder out) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        out.append(quote);
        text.codePoints().forEach(c -> {
            if (c == '\\' || c == quote) out.append('\\').append((char) c);
            else if (c == '\n') out.append("\\n");
            else if (c == '\r') out.append("\\r");
            else if (c == '\t') out.append("\\t");
            else if (isPrintable(c)) out.appendCodePoint(c);
            else out.append((c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x").formatted(c));
        });
        out.append(quote);
    }

    /// Python's str.isprintable of one character: no control, format, surrogate, private or unassigned one, and no
    /// separator but the plain space.
    static boolean isPrintable(int c) {
        return c == ' ' || switch (Character.getType(c)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
                    Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SPACE_SEPARATOR -> false;
            default -> true;
        };
    }

    /// Python's repr of a float.
    static String decimal(double value) {
        if (Double.isNaN(value)) return "nan";
        if (Double.isInfinite(value)) return value > 0 ? "inf" : "-inf";
        if (value == 0) return 1 / value < 0 ? "-0.0" : "0.0";
        BigDecimal exact = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        int exponent = exact.precision() - exact.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = exact.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String digits = exact.unscaledValue().abs().toString();
        String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
        return (value < 0 ? "-" : "") + mantissa + "e" + (exponent < 0 ? "-" : "+") + "%02d".formatted(Math.abs(exponent));
    }

    boolean equal(Object a, Object b) {
        budget.step();
        if (isNumber(a) && isNumber(b)) {
            return isInteger(a) && isInteger(b) ? big(a).equals(big(b)) : number(a) == number(b);
        }
        if (isText(a)) return isText(b) && characters(a).equals(characters(b));
        return switch (a) {
            case null -> b == null;
            case List<?> list -> b instanceof List<?> other && equalItems(list, other);
            case Value.Tuple tuple -> b instanceof Value.Tuple other && equalItems(tuple.items(), other.items());
            case Value.Range range -> b instanceof Value.Range other && equalItems(range.items(), other.items());
            case Map<?, ?> map -> b instanceof Map<?, ?> other && equalMaps(map, other);
            case Value.Undefined _ -> b instanceof Value.Undefined;
            case Value.Method method -> b instanceof Value.Method other && method.target() == other.target() && method.name().equals(other.name());
            case Value.Named named -> named.equals(b);
            default -> a == b;
        };
    }

    private boolean equalItems(List<?> a, List<?> b) {
        if (a.size() != b.size()) return false;
        for (int i = 0; i < a.size(); i++) if (!equal(a.get(i), b.get(i))) return false;
        return true;
    }

    private boolean equalMaps(Map<?, ?> a, Map<?, ?> b) {
        if (a.size() != b.size()) return false;
        for (Map.Entry<?, ?> entry : a.entrySet()) {
            if (!b.containsKey(entry.getKey()) || !equal(entry.getValue(), b.get(entry.getKey()))) return false;
        }
        return true;
    }

    /// Order of numbers, texts (by code point) and sequences. NaN is neither less nor greater, which callers that ask
    /// for a comparison handle before.
    int compare(Object a, Object b) {
        budget.step();
        if (isNumber(a) && isNumber(b)) {
            return isInteger(a) && isInteger(b) ? big(a).compareTo(big(b)) : Double.compare(number(a) + 0.0, number(b) + 0.0);
        }
        if (isText(a) && isText(b)) return compareText(characters(a), characters(b));
        boolean sequences = a instanceof List<?> && b instanceof List<?> || a instanceof Value.Tuple && b instanceof Value.Tuple;
        if (!sequences) throw new Problem("%s and %s have no order", type(a), type(b));
        List<Object> left = list(a);
        List<Object> right = list(b);
        for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
            if (!equal(left.get(i), right.get(i))) return compare(left.get(i), right.get(i));
        }
        return Integer.compare(left.size(), right.size());
    }

    private static int compareText(String a, String b) {
        int i = 0;
        while (i < a.length() && i < b.length() && a.charAt(i) == b.charAt(i)) i++;
        if (i == a.length() || i == b.length()) return Integer.compare(a.length(), b.length());
        boolean surrogates = Character.isSurrogate(a.charAt(i)) != Character.isSurrogate(b.charAt(i));
        return surrogates ? (Character.isSurrogate(a.charAt(i)) ? 1 : -1) : Character.compare(a.charAt(i), b.charAt(i));
    }

    /// A value as key of a dict: markup equals its text, True equals 1 and 1.0 equals 1, as their hashes say.
    static Object key(Object value) {
        return switch (value) {
            case Value.Markup markup -> markup.text();
            case List<?> _ -> throw new Problem("a list cannot be a key");
            case Map<?, ?> _ -> throw new Problem("a dict cannot be a key");
            case null, default -> value;
        };
    }

    static boolean has(Map<?, ?> map, Object key) {
        return map.containsKey(present(map, key));
    }

    static Object get(Map<?, ?> map, Object key) {
        return map.get(present(map, key));
    }

    /// The form in which a number is a key of this map: 1, 1.0 and True are the same key.
    private static Object present(Map<?, ?> map, Object given) {
        Object key = key(given);
        if (!isNumber(key) || map.containsKey(key)) return key;
        double number = number(key);
        for (Object other : new Object[] {(long) number, number, number == 1, number != 0}) {
            if (isNumber(other) && number(other) == number && map.containsKey(other)) return other;
        }
        return key;
    }

    boolean contains(Object container, Object item) {
        if (isText(container)) {
            if (isText(item)) return characters(container).contains(characters(item));
            throw new Problem("'in <string>' needs a string, not %s", type(item));
        }
        if (container instanceof Map<?, ?> map) return has(map, item);
        Iterator<Object> rest = iterator(container);
        while (rest.hasNext()) if (equal(rest.next(), item)) return true;
        return false;
    }
}
