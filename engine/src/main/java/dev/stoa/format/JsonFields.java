// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.Fault;
import dev.stoa.FaultException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Typed access to one JSON object of a file; a wrong kind of value is a fault that names file and field.
/// A field that is absent or null takes the fallback; methods without one require it.
public record JsonFields(JsonNode node, String where, Fault.Code code) {
    public JsonFields {
        if (node == null || !node.isObject()) throw wrong(where, code, node, "an object");
    }

    public boolean has(String name) {
        return node.hasNonNull(name);
    }

    public String text(String name) {
        JsonNode value = node.get(name);
        if (value == null || !value.isString()) throw wrong(at(name), code, value, "a string");
        return value.stringValue();
    }

    public String text(String name, String fallback) {
        return has(name) ? text(name) : fallback;
    }

    public boolean flag(String name, boolean fallback) {
        if (!has(name)) return fallback;
        JsonNode value = node.get(name);
        if (!value.isBoolean()) throw wrong(at(name), code, value, "true or false");
        return value.booleanValue();
    }

    public int integer(String name) {
        JsonNode value = node.get(name);
        if (value == null || !value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrong(at(name), code, value, "a 32-bit integer");
        }
        return value.intValue();
    }

    public int integer(String name, int fallback) {
        return has(name) ? integer(name) : fallback;
    }

    public double number(String name, double fallback) {
        if (!has(name)) return fallback;
        JsonNode value = node.get(name);
        if (!value.isNumber()) throw wrong(at(name), code, value, "a number");
        return value.doubleValue();
    }

    /// The object under a name.
    public JsonFields object(String name) {
        return new JsonFields(node.get(name), at(name), code);
    }

    /// The elements of an array, empty when the field is absent or null.
    public List<JsonNode> list(String name) {
        List<JsonNode> items = new ArrayList<>();
        if (!has(name)) return items;
        if (!node.get(name).isArray()) throw wrong(at(name), code, node.get(name), "an array");
        node.get(name).forEach(items::add);
        return items;
    }

    /// The elements of an array that must all be objects.
    public List<JsonFields> objects(String name) {
        List<JsonFields> items = new ArrayList<>();
        for (JsonNode item : list(name)) items.add(new JsonFields(item, at(name) + "[" + items.size() + "]", code));
        return items;
    }

    /// A fault about one field, to be completed by the caller.
    public Fault fault(String name, String what, Object... args) {
        return Fault.of(code, what, args).where(at(name)).got(clip(node.get(name)));
    }

    private String at(String name) {
        return where + (where.endsWith(":") ? " " : ".") + name;
    }

    private static FaultException wrong(String where, Fault.Code code, JsonNode got, String expected) {
        return Fault.of(code, "wrong kind of value").where(where).got(got == null ? "nothing" : clip(got))
                .expected(expected).next("correct the file, or fetch it again").exception();
    }

    private static String clip(JsonNode value) {
        String text = String.valueOf(value);
        return text.length() <= 120 ? text : text.substring(0, 120) + "...";
    }
}
