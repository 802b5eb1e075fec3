// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// The JSON dialect of gate files: snake_case names; an unavailable number is null, never left out and never NaN.
final class GateJson {
    static final JsonMapper MAPPER = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();

    private GateJson() {}

    static JsonNode tree(Object value) {
        JsonNode tree = MAPPER.valueToTree(value);
        requireFinite(tree, "");
        return tree;
    }

    static byte[] pretty(Object value) {
        return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(tree(value));
    }

    private static void requireFinite(JsonNode node, String path) {
        if (node.isFloatingPointNumber() && !Double.isFinite(node.asDouble())) {
            throw new IllegalStateException("a report number is not finite: " + path);
        }
        for (var entry : node.properties()) requireFinite(entry.getValue(), path + "/" + entry.getKey());
        if (!node.isArray()) return;
        for (int i = 0; i < node.size(); i++) requireFinite(node.get(i), path + "/" + i);
    }
}
