// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// `tojson`: Python's json.dumps as transformers calls it, without HTML escapes and, by default, without ASCII escapes.
record ToJson(Budget budget, boolean ascii, int indent, String itemSeparator, String keySeparator, boolean sortKeys) {
    String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out, 1);
        return out.toString();
    }

    private void write(Object value, StringBuilder out, int depth) {
        budget.step();
        budget.append(out, value instanceof String text ? text.length() : 0);
        if (depth > 100) throw new Problem("tojson: nested too deeply");
        switch (value) {
            case null -> out.append("null");
            case Boolean flag -> out.append(flag.booleanValue());
            case Long number -> out.append(number.longValue());
            case Double number -> out.append(number.isNaN() ? "NaN" : number.isInfinite() ? (number > 0 ? "Infinity" : "-Infinity") : Values.decimal(number));
            case String text -> quote(text, out);
            case List<?> list -> array(list, out, depth);
            case Value.Tuple tuple -> array(tuple.items(), out, depth);
            case Map<?, ?> map -> object(map, out, depth);
            default -> throw new Problem("a %s has no JSON form", Values.type(value));
        }
    }

    private void array(List<?> items, StringBuilder out, int depth) {
        out.append('[');
        for (int i = 0; i < items.size(); i++) {
            if (i > 0) out.append(itemSeparator);
            newLine(out, depth);
            write(items.get(i), out, depth + 1);
        }
        if (!items.isEmpty()) newLine(out, depth - 1);
        out.append(']');
    }

    private void object(Map<?, ?> map, StringBuilder out, int depth) {
        Map<String, Object> named = sortKeys ? new TreeMap<>() : new java.util.LinkedHashMap<>();
        map.forEach((key, value) -> named.put(key(key), value));
        out.append('{');
        boolean first = true;
        for (Map.Entry<String, Object> entry : named.entrySet()) {
            if (!first) out.append(itemSeparator);
            first = false;
            newLine(out, depth);
            quote(entry.getKey(), out);
            out.append(keySeparator);
            write(entry.getValue(), out, depth + 1);
        }
        if (!first) newLine(out, depth - 1);
        out.append('}');
    }

    private static String key(Object key) {
        return switch (key) {
            case String text -> text;
            case null -> "null";
            case Boolean flag -> flag.toString();
            case Long number -> number.toString();
            case Double number -> Values.decimal(number);
            default -> throw new Problem("tojson: a %s cannot be a key", Values.type(key));
        };
    }

    private void newLine(StringBuilder out, int depth) {
        if (indent >= 0) out.append('\n').append(" ".repeat(indent * depth));
    }

    private void quote(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\f' -> out.append("\\f");
                case '\b' -> out.append("\\b");
                default -> {
                    if (c < 0x20 || ascii && c > 0x7e) out.append("\\u%04x".formatted((int) c));
                    else out.append(c);
                }
            }
        }
        out.append('"');
    }
}
