// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/// Keys of a config that some families read beyond the common ones, checked when they are read: a value of the wrong kind
/// becomes a line in `issues`, and the fallback is returned. Not thread-safe. Equal when the values are.
public final class ConfigFields {
    private final Map<String, JsonNode> values;
    private final List<String> issues;

    /// `issues` collects what is wrong; keys without a value count as absent.
    ConfigFields(Map<String, JsonNode> values, List<String> issues) {
        this.values = new TreeMap<>(values);
        this.issues = issues;
    }

    public boolean has(String key) {
        return !absent(values.get(key));
    }

    /// Whether the key is there, be it with null as value.
    public boolean mentions(String key) {
        return values.containsKey(key);
    }

    /// Notes something wrong with the config.
    public void issue(String problem) {
        issues.add(problem);
    }

    List<String> issues() {
        return issues;
    }

    /// An integer in [least, most]; a negative fallback means that the key must be there.
    public int integer(String key, int fallback, int least, int most) {
        JsonNode node = values.get(key);
        if (absent(node)) {
            if (fallback < 0) issues.add(key + " is missing");
            return fallback < 0 ? Math.max(least, 2) : fallback;
        }
        if (node.isNumber() && node.asDouble() == Math.rint(node.asDouble()) && node.asDouble() >= least && node.asDouble() <= most) {
            return (int) node.asDouble();
        }
        issues.add(key + " = " + shorten(node.toString()) + ", expected an integer in [" + least + ", " + most + "]");
        return Math.max(least, 2);
    }

    /// A positive number, or the fallback.
    public double number(String key, double fallback) {
        return number(values.get(key), key, fallback);
    }

    double number(JsonNode node, String key, double fallback) {
        if (absent(node)) return fallback;
        if (node.isNumber() && node.asDouble() > 0 && node.asDouble() < 1e15) return node.asDouble();
        issues.add(key + " = " + shorten(node.toString()) + ", expected a positive number");
        return fallback;
    }

    public boolean flag(String key, boolean fallback) {
        return flag(values.get(key), key, fallback);
    }

    boolean flag(JsonNode node, String key, boolean fallback) {
        if (absent(node)) return fallback;
        if (!node.isBoolean()) issues.add(key + " = " + shorten(node.toString()) + ", expected true or false");
        return node.isBoolean() && node.asBoolean();
    }

    /// A text; null as fallback means that the key must be there.
    public String text(String key, String fallback) {
        JsonNode node = values.get(key);
        if (!absent(node) && node.isString()) return node.asString();
        if (fallback == null || !absent(node)) issues.add(key + " = " + node + ", expected a string");
        return fallback;
    }

    public List<String> texts(String key) {
        List<String> texts = new ArrayList<>();
        if (!has(key)) return texts;
        if (!values.get(key).isArray()) issues.add(key + " = " + shorten(values.get(key).toString()) + ", expected a list");
        for (JsonNode node : values.get(key)) texts.add(node.asString(""));
        return texts;
    }

    public List<Integer> integers(String key) {
        List<Integer> integers = has(key) ? readIds(values.get(key)) : List.of();
        if (integers == null) issues.add(key + " = " + shorten(values.get(key).toString()) + ", expected a list of integers");
        return integers == null ? List.of() : integers;
    }

    /// The keys of the object under `key`, each as fields of its own; empty when there is none.
    public Map<String, ConfigFields> objects(String key) {
        Map<String, ConfigFields> objects = new LinkedHashMap<>();
        JsonNode node = object(key);
        if (node == null) return objects;
        for (String name : node.propertyNames()) objects.put(name, fields(node.get(name)));
        return objects;
    }

    /// The object under `key` as fields; empty when there is none.
    public ConfigFields fields(String key) {
        JsonNode node = object(key);
        return node == null ? new ConfigFields(Map.of(), issues) : fields(node);
    }

    private ConfigFields fields(JsonNode node) {
        Map<String, JsonNode> own = new TreeMap<>();
        for (String name : node.propertyNames()) own.put(name, node.get(name));
        return new ConfigFields(own, issues);
    }

    /// Names of all keys with a value.
    public List<String> keys() {
        return values.keySet().stream().filter(this::has).toList();
    }

    /// The value as a plain number, boolean or text.
    public Object plain(String key) {
        JsonNode node = values.get(key);
        if (node.isNumber()) return node.asDouble();
        if (node.isBoolean()) return node.asBoolean();
        if (!node.isString()) issues.add(key + " = " + shorten(node.toString()) + ", expected a number, true, false or a text");
        return node.isString() ? node.asString() : "";
    }

    JsonNode object(String key) {
        JsonNode node = values.get(key);
        if (absent(node)) return null;
        if (node.isObject()) return node;
        issues.add(key + " = " + shorten(node.toString()) + ", expected an object");
        return null;
    }

    static boolean absent(JsonNode node) {
        return node == null || node.isNull() || node.isMissingNode();
    }

    static List<Integer> readIds(JsonNode node) {
        List<Integer> ids = new ArrayList<>();
        for (JsonNode id : node.isArray() ? node : List.of(node)) {
            if (!id.isIntegralNumber() || !id.canConvertToInt() || id.asInt() < 0) return null;
            ids.add(id.asInt());
        }
        ids.sort(Comparator.naturalOrder());
        return ids;
    }

    static String shorten(String text) {
        return text.length() <= 80 ? text : text.substring(0, 80) + "…";
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ConfigFields that && values.equals(that.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return values.toString();
    }
}
