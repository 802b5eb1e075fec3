// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Python's behavior of values, as far as templates can see it: truth, text, equality, order, membership, items.
record Values(Budget budget) {
    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof Boolean;
    }

    static boolean isNumber(Object value) {
        return value instanceof Double || isInteger(value);
    }

    static long integer(Object value, String what) {
        if (value instanceof Long number) return number;
        if (value instanceof Boolean flag) return flag ? 1 : 0;
        throw new Problem("%s must be an integer, not %s", what, type(value));
    }

    static double number(Object value) {
        return value instanceof Double number ? number : integer(value, "a number");
    }

    static String type(Object value) {
        return switch (value) {
            case null -> "None";
            case String _ -> "str";
            case Boolean _ -> "bool";
            case Long _ -> "int";
            case Double _ -> "float";
            case List<?> _ -> "list";
            case Map<?, ?> _ -> "dict";
            case Value.Tuple _ -> "tuple";
            case Value.Undefined _ -> "undefined";
            case Value.Namespace _ -> "namespace";
            case Value.Generator _ -> "generator";
            case Value.Loop _ -> "loop";
            default -> "function";
        };
    }

    static boolean truth(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean flag -> flag;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case String text -> !text.isEmpty();
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case Value.Tuple tuple -> !tuple.items().isEmpty();
            case Value.Undefined _ -> false;
            default -> true;
        };
    }

    /// The elements of something a loop can run over.
    @SuppressWarnings("unchecked")
    List<Object> list(Object value) {
        List<Object> items = switch (value) {
            case List<?> list -> (List<Object>) list;
            case Value.Tuple tuple -> tuple.items();
            case Value.Generator generator -> generator.items();
            case Map<?, ?> map -> new ArrayList<>(map.keySet());
            case String text -> new ArrayList<>(text.codePoints().mapToObj(Character::toString).toList());
            case Value.Undefined _ -> List.of();
            case null, default -> throw new Problem("%s cannot be iterated over", type(value));
        };
        budget.elements(items.size());
        return items;
    }

    static long length(Object value) {
        return switch (value) {
            case String text -> text.codePointCount(0, text.length());
            case List<?> list -> list.size();
            case Value.Tuple tuple -> tuple.items().size();
            case Map<?, ?> map -> map.size();
            case Value.Undefined _ -> 0;
            case null, default -> throw new Problem("%s has no length", type(value));
        };
    }

    /// What `{{ value }}` writes.
    String text(Object value) {
        return switch (value) {
            case String text -> text;
            case Value.Undefined _ -> "";
            case null, default -> {
                StringBuilder out = new StringBuilder();
                repr(value, out);
                yield out.toString();
            }
        };
    }

    void repr(Object value, StringBuilder out) {
        budget.step();
        budget.append(out, value instanceof String text ? text.length() : 0);
        switch (value) {
            case null -> out.append("None");
            case Boolean flag -> out.append(flag ? "True" : "False");
            case Long number -> out.append(number.longValue());
            case Double number -> out.append(decimal(number));
            case String text -> quote(text, out);
            case Value.Undefined _ -> out.append("Undefined");
            case List<?> list -> reprAll(list, "[", "]", out);
            case Value.Tuple tuple -> reprAll(tuple.items(), "(", tuple.items().size() == 1 ? ",)" : ")", out);
            case Map<?, ?> map -> {
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
            default -> throw new Problem("a %s cannot be printed", type(value));
        }
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
            else if (c < 0x20 || c >= 0x7f && c < 0xa0 || c == 0xad) out.append("\\x%02x".formatted(c));
            else out.appendCodePoint(c);
        });
        out.append(quote);
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
            return isInteger(a) && isInteger(b) ? integer(a, "") == integer(b, "") : number(a) == number(b);
        }
        return switch (a) {
            case null -> b == null;
            case String text -> text.equals(b);
            case List<?> list -> b instanceof List<?> other && equalItems(list, other);
            case Value.Tuple tuple -> b instanceof Value.Tuple other && equalItems(tuple.items(), other.items());
            case Map<?, ?> map -> b instanceof Map<?, ?> other && equalMaps(map, other);
            case Value.Undefined _ -> b instanceof Value.Undefined;
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

    /// Order of numbers, texts (by code point) and sequences.
    int compare(Object a, Object b) {
        budget.step();
        if (isNumber(a) && isNumber(b)) {
            return isInteger(a) && isInteger(b) ? Long.compare(integer(a, ""), integer(b, "")) : Double.compare(number(a), number(b));
        }
        if (a instanceof String left && b instanceof String right) return compareText(left, right);
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

    boolean contains(Object container, Object item) {
        if (container instanceof String text) {
            if (item instanceof String part) return text.contains(part);
            throw new Problem("'in <string>' needs a string, not %s", type(item));
        }
        if (container instanceof Map<?, ?> map) return map.containsKey(item);
        for (Object each : list(container)) if (equal(each, item)) return true;
        return false;
    }

    /// `target[index]`; missing ones are undefined.
    static Object item(Object target, Object index) {
        if (target instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        if (target instanceof Map<?, ?> map && map.containsKey(index)) return map.get(index);
        boolean sequence = target instanceof String || target instanceof List<?> || target instanceof Value.Tuple;
        if (sequence && isInteger(index)) {
            long size = length(target);
            long at = integer(index, "an index") < 0 ? integer(index, "") + size : integer(index, "");
            if (at >= 0 && at < size) {
                return switch (target) {
                    case String text -> Character.toString(text.codePointAt(text.offsetByCodePoints(0, (int) at)));
                    case Value.Tuple tuple -> tuple.items().get((int) at);
                    default -> ((List<?>) target).get((int) at);
                };
            }
        }
        if (index instanceof String name) return attribute(target, name);
        return new Value.Undefined("%s has no element %s".formatted(type(target), index));
    }

    /// `target.name`: a method, a field of a namespace or of a loop, or a value of a dict.
    static Object attribute(Object target, String name) {
        if (target instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        if (Methods.has(target, name)) return new Value.Method(target, name);
        if (target instanceof Value.Loop loop) return loop.get(name);
        Map<?, ?> fields = target instanceof Value.Namespace space ? space.fields() : target instanceof Map<?, ?> map ? map : Map.of();
        if (fields.containsKey(name)) return fields.get(name);
        return new Value.Undefined("'%s' has no attribute '%s'".formatted(type(target), name));
    }

    /// `target[begin:end:step]` of a text or sequence; null bounds are open.
    Object slice(Object target, Object begin, Object end, Object step) {
        if (target instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        boolean sequence = target instanceof String || target instanceof List<?> || target instanceof Value.Tuple;
        if (!sequence) throw new Problem("%s cannot be sliced", type(target));
        List<Object> items = list(target);
        long stride = step == null ? 1 : integer(step, "a slice step");
        if (stride == 0) throw new Problem("a slice step cannot be zero");
        long size = items.size();
        long low = stride > 0 ? 0 : -1;
        long high = stride > 0 ? size : size - 1;
        long from = bound(begin, stride > 0 ? low : high, size, low, high);
        long to = bound(end, stride > 0 ? high : low, size, low, high);
        List<Object> picked = new ArrayList<>();
        for (long i = from; stride > 0 ? i < to : i > to; i += stride) picked.add(items.get((int) i));
        return switch (target) {
            case String _ -> String.join("", picked.stream().map(String.class::cast).toList());
            case Value.Tuple _ -> new Value.Tuple(picked);
            default -> picked;
        };
    }

    private static long bound(Object value, long open, long size, long low, long high) {
        if (value == null) return open;
        long index = integer(value, "a slice bound");
        return Math.clamp(index < 0 ? index + size : index, low, high);
    }
}
