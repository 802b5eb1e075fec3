// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

import java.util.HashMap;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/// The declared types of tool parameters, for dialects that write values without quotes. Immutable.
public final class ToolTypes {
    public static final ToolTypes UNKNOWN = new ToolTypes(Map.of());
    private final Map<String, JsonNode> properties;

    private ToolTypes(Map<String, JsonNode> properties) {
        this.properties = Map.copyOf(properties);
    }

    /// From the `tools` of a request, in the form of the OpenAI API; what has another form declares nothing.
    public static ToolTypes of(JsonNode tools) {
        Map<String, JsonNode> properties = new HashMap<>();
        for (JsonNode tool : tools) {
            JsonNode function = tool.path("function").isObject() ? tool.path("function") : tool;
            JsonNode declared = function.path("parameters").path("properties");
            if (function.path("name").isString() && declared.isObject()) properties.put(function.path("name").stringValue(), declared);
        }
        return new ToolTypes(properties);
    }

    /// A value as its declared type: strings stay as they are, others are read as JSON when they can be. A parameter
    /// that nobody declared is a string.
    JsonNode convert(String function, String parameter, String value) {
        JsonNode schema = properties.getOrDefault(function, JsonNodeFactory.instance.objectNode()).path(parameter);
        JsonNode text = JsonNodeFactory.instance.stringNode(value);
        if (schema.isMissingNode() || allows(schema, "string") && !(allows(schema, "null") && value.strip().equals("null"))) return text;
        String trimmed = value.strip();
        boolean flag = allows(schema, "boolean") && (trimmed.equalsIgnoreCase("true") || trimmed.equalsIgnoreCase("false"));
        if (flag) return JsonNodeFactory.instance.booleanNode(trimmed.equalsIgnoreCase("true"));
        try {
            JsonNode parsed = JsonMapper.shared().readTree(trimmed);
            return parsed == null || parsed.isMissingNode() ? text : parsed;
        } catch (JacksonException notJson) {
            return text;
        }
    }

    private static boolean allows(JsonNode schema, String type) {
        JsonNode declared = schema.path("type");
        if (declared.isString()) return declared.stringValue().equals(type);
        for (JsonNode one : declared) if (one.isString() && one.stringValue().equals(type)) return true;
        for (String choice : new String[] {"anyOf", "oneOf"}) {
            for (JsonNode one : schema.path(choice)) if (one.path("type").isString() && one.path("type").stringValue().equals(type)) return true;
        }
        boolean plain = declared.isMissingNode() && !schema.has("anyOf") && !schema.has("oneOf") && type.equals("string");
        return plain && !schema.has("enum");
    }
}
