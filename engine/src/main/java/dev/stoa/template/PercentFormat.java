// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `text % values`: Python's printf-style formatting.
record PercentFormat(Values values) {
    private static final Pattern FIELD =
            Pattern.compile("%(?:\\((?<key>[^)]*)\\))?(?<flags>[-+ #0]*)(?<width>\\d+|\\*)?(?:\\.(?<prec>\\d+|\\*)?(?<dot>))?[hlL]?(?<type>.)?", Pattern.DOTALL);

    /// Markup stays markup, and what it takes in is escaped.
    Object apply(Object format, Object given) {
        boolean markup = format instanceof Value.Markup;
        List<Object> items = given instanceof Value.Tuple tuple ? tuple.items() : java.util.Collections.singletonList(given);
        int used = 0;
        StringBuilder out = new StringBuilder();
        String pattern = Values.characters(format);
        Matcher field = FIELD.matcher(pattern);
        int at = 0;
        while (field.find()) {
            out.append(pattern, at, field.start());
            at = field.end();
            String type = field.group("type");
            if (type == null) throw new Problem("incomplete format");
            if (type.equals("%")) {
                out.append('%');
                continue;
            }
            if ("*".equals(field.group("width")) || "*".equals(field.group("prec"))) throw new Problem("a format width of * is not supported");
            Object value;
            if (field.group("key") != null) {
                if (!(given instanceof Map<?, ?> map)) throw new Problem("format requires a mapping");
                if (!Values.has(map, field.group("key"))) throw new Problem("no value for '%s'", field.group("key"));
                value = Values.get(map, field.group("key"));
                used = items.size();
            } else {
                if (used >= items.size()) throw new Problem("not enough arguments for format string");
                value = items.get(used++);
            }
            String text = one(type.charAt(0), field.group("flags"), field.group("width"),
                    field.group("dot") == null ? null : field.group("prec") == null ? "0" : field.group("prec"), value, markup);
            values.budget().append(out, text.length());
            out.append(text);
        }
        boolean leftOver = used < items.size() && !(given instanceof Map<?, ?> || given instanceof List<?> || given instanceof Value.Undefined);
        if (leftOver) throw new Problem("not all arguments converted during string formatting");
        out.append(pattern.substring(at));
        return markup ? new Value.Markup(out.toString()) : out.toString();
    }

    private String one(char type, String flags, String width, String precision, Object value, boolean markup) {
        boolean left = flags.contains("-");
        String sign = flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
        String zero = flags.contains("0") && !left ? "0" : "";
        String tail = (width == null ? "" : width) + (precision == null ? "" : "." + precision);
        return switch (type) {
            case 's', 'r', 'a' -> {
                String text = type == 's' ? values.text(value) : values.repr(value);
                if (markup && !(value instanceof Value.Markup)) text = Value.Markup.escape(text);
                yield FormatSpec.parse((left ? "<" : ">") + tail).format(values, text);
            }
            case 'c' -> {
                String text = value instanceof String given && Values.length(given) == 1 ? given : Character.toString((int) Values.integer(value, "a character"));
                yield FormatSpec.parse((left ? "<" : ">") + (width == null ? "" : width)).format(values, text);
            }
            case 'd', 'i', 'u', 'x', 'X', 'o' -> {
                boolean whole = Values.isInteger(value) || value instanceof Double && "diu".indexOf(type) >= 0;
                if (!whole) throw new Problem("%%%s needs a number, not %s", type, Values.type(value));
                Object number = value instanceof Double real ? (Object) (long) real.doubleValue() : value;
                String code = "diu".indexOf(type) >= 0 ? "d" : String.valueOf(type);
                if (precision != null) throw new Problem("a precision is not supported for integers");
                yield FormatSpec.parse((left ? "<" : "") + sign + (flags.contains("#") ? "#" : "") + zero + (width == null ? "" : width) + code)
                        .format(values, number);
            }
            case 'e', 'E', 'f', 'F', 'g', 'G' -> {
                if (!Values.isNumber(value)) throw new Problem("must be real number, not %s", Values.type(value));
                yield FormatSpec.parse((left ? "<" : "") + sign + zero + tail + type).format(values, Values.number(value));
            }
            default -> throw new Problem("unsupported format character '%s'", type);
        };
    }
}
