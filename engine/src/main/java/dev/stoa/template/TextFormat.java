// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `text.format(...)`: fields `{name.attribute[key]!conversion:specification}` as in Python, seen through the sandbox.
record TextFormat(Values values, boolean escapes) {
    private static final Pattern STEP = Pattern.compile("\\.([^.\\[]+)|\\[([^\\]]+)]");

    /// One call's arguments, and the next automatic number: -1 once fields are numbered by hand.
    private static final class Arguments {
        private final List<Object> positional;
        private final Map<?, ?> named;
        private int next;

        Arguments(List<Object> positional, Map<?, ?> named) {
            this.positional = positional;
            this.named = named;
        }

        Object get(String name) {
            if (!name.isEmpty() && !name.chars().allMatch(c -> c >= '0' && c <= '9')) {
                if (!named.containsKey(name)) throw new Problem("format: there is no argument '%s'", name);
                return named.get(name);
            }
            if (name.isEmpty() ? next < 0 : next > 0) throw new Problem("format: fields are numbered both by hand and automatically");
            int index = name.isEmpty() ? next++ : name.length() > 6 ? Integer.MAX_VALUE : Integer.parseInt(name);
            if (!name.isEmpty()) next = -1;
            if (index >= positional.size()) throw new Problem("format: there is no argument %d", index);
            return positional.get(index);
        }
    }

    String call(String text, String name, CallArguments arguments) {
        if (name.equals("format")) return format(text, new Arguments(arguments.positional(), arguments.named()), 0);
        Object map = arguments.positionalOnly(name, "map", CallArguments.REQUIRED)[0];
        if (!(map instanceof Map<?, ?> named)) throw new Problem("format_map needs a mapping");
        return format(text, new Arguments(List.of(), named), 0);
    }

    private String format(String text, Arguments arguments, int depth) {
        if (depth > 1) throw new Problem("format: specifications are nested too deeply");
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '{' && c != '}') {
                out.append(c);
            } else if (text.startsWith(c == '{' ? "{{" : "}}", i)) {
                out.append(c);
                i++;
            } else {
                int end = c == '{' ? closing(text, i) : -1;
                if (end < 0) throw new Problem("format: a single '%s' stands in the text", c);
                String value = field(text.substring(i + 1, end), arguments, depth);
                values.budget().append(out, value.length());
                out.append(value);
                i = end;
            }
        }
        return out.toString();
    }

    private static int closing(String text, int open) {
        int nesting = 0;
        for (int i = open; i < text.length(); i++) {
            if (text.charAt(i) == '{') nesting++;
            if (text.charAt(i) == '}' && --nesting == 0) return i;
        }
        return -1;
    }

    private String field(String field, Arguments arguments, int depth) {
        int colon = -1;
        for (int i = 0, bracket = 0; i < field.length() && colon < 0; i++) {
            char c = field.charAt(i);
            bracket += c == '[' ? 1 : c == ']' ? -1 : 0;
            if (c == ':' && bracket == 0) colon = i;
        }
        String head = colon < 0 ? field : field.substring(0, colon);
        int mark = head.lastIndexOf('!');
        String conversion = mark < 0 ? "" : head.substring(mark + 1);
        Object value = value(mark < 0 ? head : head.substring(0, mark), arguments);
        switch (conversion) {
            case "" -> { }
            case "s" -> value = values.text(value);
            case "r", "a" -> value = values.repr(value);
            default -> throw new Problem("format: unknown conversion '%s'", conversion);
        }
        String specification = colon < 0 ? "" : format(field.substring(colon + 1), arguments, depth + 1);
        if (escapes && value instanceof Value.Markup markup && specification.isEmpty()) return markup.text();
        String text = FormatSpec.parse(specification).format(values, value);
        return escapes ? Value.Markup.escape(text) : text;
    }

    private Object value(String path, Arguments arguments) {
        int first = 0;
        while (first < path.length() && path.charAt(first) != '.' && path.charAt(first) != '[') first++;
        Object value = arguments.get(path.substring(0, first));
        Matcher step = STEP.matcher(path).region(first, path.length());
        int at = first;
        while (at < path.length()) {
            if (!step.find() || step.start() != at) throw new Problem("format: the field '%s' cannot be read", path);
            at = step.end();
            String key = step.group(2);
            boolean index = key != null && key.length() < 10 && key.chars().allMatch(c -> c >= '0' && c <= '9');
            value = key == null ? Access.attribute(value, step.group(1)) : Access.item(value, index ? (Object) Long.valueOf(key) : key);
        }
        return value;
    }
}
