// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;
import java.util.Map;

/// `tojson`: Python's json.dumps as transformers calls it, without HTML escapes and, by default, without ASCII escapes.
record ToJson(Values values, boolean ascii, String indent, String itemSeparator, String keySeparator, boolean sortKeys) {
    String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out, 1);
        return out.toString();
    }

    private void write(Object value, StringBuilder out, int depth) {
        values.budget().step();
        values.budget().append(out, value instanceof String text ? text.length() : 0);
        if (depth > 100) throw new Problem("tojson: nested too deeply");
        switch (value) {
            case null -> out.append("null");
            case Boolean flag -> out.append(flag.booleanValue());
            case Long number -> out.append(number.longValue());
            case java.math.BigInteger number -> out.append(number);
            case Double number -> out.append(real(number));
            case String text -> quote(text, out);
            case List<?> list -> array(list, out, depth);
            case Value.Markup markup -> quote(markup.text(), out);
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
        List<Map.Entry<?, ?>> entries = new java.util.ArrayList<>(map.entrySet());
        if (sortKeys) entries.sort((a, b) -> values.compare(a.getKey(), b.getKey()));
        out.append('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : entries) {
            if (!first) out.append(itemSeparator);
            first = false;
            newLine(out, depth);
            quote(key(entry.getKey()), out);
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
            case java.math.BigInteger number -> number.toString();
            case Double number -> real(number);
            default -> throw new Problem("tojson: a %s cannot be a key", Values.type(key));
        };
    }

    private static String real(double number) {
        return Double.isNaN(number) ? "NaN" : Double.isInfinite(number) ? (number > 0 ? "Infinity" : "-Infinity") : Values.decimal(number);
    }

    private void newLine(StringBuilder out, int depth) {
        if (indent != null) out.append('\n').append(indent.repeat(depth));
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
