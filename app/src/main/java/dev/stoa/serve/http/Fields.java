// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Reads the fields of a JSON object with their types and ranges, and collects what is wrong so that all of it is
/// told at once. A getter returns null for a field that is absent, null, or wrong.
public final class Fields {
    /// The problems of one request body, shared by its objects.
    public static final class Problems {
        private final List<Fault> all = new ArrayList<>();

        public void add(Fault problem) {
            all.add(problem);
        }

        /// Throws the first problem with all of them listed, if there is any.
        public void raise() {
            if (all.isEmpty()) return;
            Fault first = all.getFirst();
            if (all.size() == 1) throw first.exception();
            throw first.issues(all.stream().map(one -> one.where() + ": " + ErrorBody.message(one)).toList()).exception();
        }
    }

    private final ObjectNode node;
    private final String path;
    private final Problems problems;
    private final Set<String> read = new HashSet<>();

    public Fields(ObjectNode node, String path, Problems problems) {
        this.node = node;
        this.path = path;
        this.problems = problems;
    }

    public Problems problems() {
        return problems;
    }

    public String path(String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    /// The raw value, or null when absent or null. Counts as read.
    public JsonNode raw(String name) {
        read.add(name);
        JsonNode value = node.get(name);
        return value == null || value.isNull() ? null : value;
    }

    public boolean has(String name) {
        JsonNode value = node.get(name);
        return value != null && !value.isNull();
    }

    public String string(String name) {
        JsonNode value = raw(name);
        if (value == null || value.isString()) return value == null ? null : value.asString();
        return wrong(name, value, "a string");
    }

    public String requiredString(String name) {
        if (!has(name)) {
            read.add(name);
            problems.add(Fault.of(AppFault.MISSING_FIELD, "the field \"%s\" is missing", path(name)).where(path(name)).expected("a string"));
            return null;
        }
        return string(name);
    }

    public Boolean bool(String name) {
        JsonNode value = raw(name);
        if (value == null || value.isBoolean()) return value == null ? null : value.asBoolean();
        return wrong(name, value, "true or false");
    }

    public Integer integer(String name, int min, int max) {
        JsonNode value = raw(name);
        if (value == null) return null;
        if (!value.isIntegralNumber()) return wrong(name, value, "a whole number");
        if (!value.canConvertToInt() || value.asInt() < min || value.asInt() > max) {
            return range(name, value, max == Integer.MAX_VALUE ? "at least " + min : "between %d and %d".formatted(min, max));
        }
        return value.asInt();
    }

    public Long longInteger(String name) {
        JsonNode value = raw(name);
        if (value == null) return null;
        if (!value.isIntegralNumber()) return wrong(name, value, "a whole number");
        if (!value.canConvertToLong()) return range(name, value, "a 64-bit number");
        return value.asLong();
    }

    /// A number in [min, max], or in (min, max] when `open`.
    public Double number(String name, double min, boolean open, double max) {
        JsonNode value = raw(name);
        if (value == null) return null;
        if (!value.isNumber()) return wrong(name, value, "a number");
        double number = value.asDouble();
        if (!(open ? number > min : number >= min) || !(number <= max)) {
            return range(name, value, "a number in %s%s, %s]".formatted(open ? "(" : "[", plain(min), plain(max)));
        }
        return number;
    }

    /// One of the constants of an enum, by lower-case name.
    public <E extends Enum<E>> E choice(String name, Class<E> type) {
        String text = string(name);
        if (text == null) return null;
        List<String> names = new ArrayList<>();
        for (E constant : type.getEnumConstants()) {
            names.add(constant.name().toLowerCase(Locale.ROOT));
            if (names.getLast().equals(text)) return constant;
        }
        return range(name, node.get(name), String.join(", ", names));
    }

    public Fields object(String name) {
        JsonNode value = raw(name);
        if (value == null) return null;
        if (value instanceof ObjectNode object) return new Fields(object, path(name), problems);
        return wrong(name, value, "an object");
    }

    /// The elements of an array, or null.
    public List<JsonNode> array(String name, int min, int max) {
        JsonNode value = raw(name);
        if (value == null) return null;
        if (!(value instanceof ArrayNode array)) return wrong(name, value, "an array");
        if (array.size() < min || array.size() > max) {
            problems.add(Fault.of(EngineFault.OUT_OF_RANGE, "\"%s\" has the wrong length", path(name)).where(path(name))
                    .got(array.size()).expected("%d to %d elements".formatted(min, max)));
            return null;
        }
        return List.copyOf(array.values());
    }

    /// Names of fields that nobody read.
    public List<String> unread() {
        List<String> names = new ArrayList<>();
        for (Map.Entry<String, JsonNode> field : node.properties()) {
            if (!read.contains(field.getKey())) names.add(path(field.getKey()));
        }
        return names;
    }

    /// Reports every field that nobody read, with the nearest known name.
    public void refuseUnread(Collection<String> known) {
        for (String name : unread()) {
            String last = name.substring(name.lastIndexOf('.') + 1);
            List<String> near = Nearest.to(last, known);
            problems.add(Fault.of(AppFault.UNSUPPORTED_PARAMETER, "unknown field \"%s\"", name).where(name)
                    .expected(near.isEmpty() ? "one of " + String.join(", ", known) : "did you mean " + String.join(", ", near) + "?"));
        }
    }

    private <T> T wrong(String name, JsonNode value, String expected) {
        problems.add(Fault.of(AppFault.INVALID_TYPE, "\"%s\" has the wrong type", path(name)).where(path(name))
                .got(value.getNodeType().name().toLowerCase(Locale.ROOT)).expected(expected));
        return null;
    }

    private <T> T range(String name, JsonNode value, String expected) {
        String got = value.toString();
        problems.add(Fault.of(EngineFault.OUT_OF_RANGE, "\"%s\" is out of range", path(name)).where(path(name))
                .got(got.length() > 80 ? got.substring(0, 80) + "…" : got).expected(expected));
        return null;
    }

    private static String plain(double number) {
        return number == Math.rint(number) ? Long.toString((long) number) : Double.toString(number);
    }
}
