// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// JSON on the wire: strict when reading (depth 64, no duplicate keys, nothing after the value), plain when writing.
public final class Json {
    private static final int MAX_DEPTH = 64;
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Json() {}

    /// The object a request body holds.
    public static ObjectNode object(byte[] body) {
        JsonNode root;
        try {
            root = MAPPER.readTree(body);
        } catch (JacksonException problem) {
            var at = problem.getLocation();
            throw Fault.of(AppFault.INVALID_JSON, "the body is not valid JSON: %s", firstLine(problem.getOriginalMessage()))
                    .where(at == null ? "the body" : "line %d, column %d".formatted(at.getLineNr(), at.getColumnNr()))
                    .expected("one JSON object").next("check quotes, commas and braces there").causedBy(problem);
        }
        if (root instanceof ObjectNode object) return object;
        throw Fault.of(AppFault.INVALID_JSON, "the body is not a JSON object")
                .got(root == null || root.isMissingNode() ? "an empty body" : root.getNodeType().name().toLowerCase(java.util.Locale.ROOT))
                .expected("one JSON object").exception();
    }

    public static byte[] bytes(Object value) {
        return MAPPER.writeValueAsBytes(value);
    }

    public static String text(Object value) {
        return MAPPER.writeValueAsString(value);
    }

    /// A value in Java's own types, as templates take them: maps, lists, strings, numbers, booleans, null.
    public static Object plain(JsonNode node) {
        return switch (node.getNodeType()) {
            case OBJECT -> {
                Map<String, Object> map = new LinkedHashMap<>();
                node.properties().forEach(entry -> map.put(entry.getKey(), plain(entry.getValue())));
                yield map;
            }
            case ARRAY -> {
                List<Object> list = new ArrayList<>();
                for (JsonNode item : node) list.add(plain(item));
                yield list;
            }
            case STRING -> node.stringValue();
            case NUMBER -> node.isIntegralNumber() ? (Object) node.bigIntegerValue() : (Object) node.doubleValue();
            case BOOLEAN -> node.booleanValue();
            case NULL, MISSING, BINARY, POJO -> null;
        };
    }

    private static String firstLine(String text) {
        int end = text.indexOf('\n');
        return end < 0 ? text : text.substring(0, end);
    }
}
