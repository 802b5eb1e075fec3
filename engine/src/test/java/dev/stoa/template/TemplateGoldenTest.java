// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Against jinja2 in transformers' environment (tools/golden/templates.py): the same text, or both refuse.
class TemplateGoldenTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/template");
    private static final Clock CLOCK = Clock.fixed(java.time.Instant.parse("2026-03-04T15:06:07Z"), java.time.ZoneOffset.UTC);

    static List<Path> files() {
        String campaign = System.getProperty("stoa.templates");
        return campaign != null ? List.of(Path.of(campaign)) : List.of(GOLDEN.resolve("cases.jsonl"), GOLDEN.resolve("random.jsonl"));
    }

    @ParameterizedTest
    @MethodSource("files")
    void rendersWhatJinjaRendersAndRefusesWhatItRefuses(Path file) throws IOException {
        List<String> differences = new ArrayList<>();
        int cases = 0;
        for (String line : Files.readAllLines(file)) {
            cases++;
            JsonNode row = Json.parse(line, "case " + cases, EngineFault.TEMPLATE_INVALID);
            String difference = compare(row);
            if (difference != null) differences.add("case " + cases + " <" + clip(row.get("template").stringValue(), 0) + ">\n    " + difference);
        }
        assertThat(differences).as("differences in %d cases", cases).isEmpty();
        assertThat(cases).isGreaterThan(200);
    }

    private static String compare(JsonNode row) {
        @SuppressWarnings("unchecked")
        Map<String, Object> variables = (Map<String, Object>) value(row.get("variables"));
        try {
            Rendered rendered = ChatTemplate.parse(row.get("template").stringValue()).render(variables, CLOCK);
            if (row.has("error")) return "rendered <" + clip(rendered.text(), 0) + ">, but jinja raised " + row.get("error");
            String text = row.get("text").stringValue();
            if (!rendered.text().equals(text)) {
                int at = 0;
                while (at < Math.min(text.length(), rendered.text().length()) && text.charAt(at) == rendered.text().charAt(at)) at++;
                return "at " + at + " got <" + clip(rendered.text(), at) + "> not <" + clip(text, at) + ">";
            }
            if (row.has("spans")) {
                List<String> expected = new ArrayList<>();
                for (JsonNode span : row.get("spans")) expected.add(part(text, span.get(0).intValue(), span.get(1).intValue()));
                List<String> got = rendered.assistantSpans().stream().map(span -> text.substring(span.begin(), span.end())).toList();
                if (!got.equals(expected)) return "spans " + got + ", not " + expected;
            }
            return null;
        } catch (FaultException refused) {
            return row.has("error") ? null : "refused: " + refused.getMessage();
        }
    }

    private static String clip(String text, int at) {
        return text.substring(Math.max(0, at - 40), Math.min(text.length(), at + 100));
    }

    /// Python counts code points.
    private static String part(String text, int begin, int end) {
        return text.substring(text.offsetByCodePoints(0, begin), text.offsetByCodePoints(0, end));
    }

    private static Object value(JsonNode node) {
        return switch (node.getNodeType()) {
            case OBJECT -> {
                Map<String, Object> map = new LinkedHashMap<>();
                node.properties().forEach(entry -> map.put(entry.getKey(), value(entry.getValue())));
                yield map;
            }
            case ARRAY -> {
                List<Object> list = new ArrayList<>();
                node.forEach(item -> list.add(value(item)));
                yield list;
            }
            case STRING -> node.stringValue();
            case NUMBER -> node.isIntegralNumber() ? (Object) node.bigIntegerValue() : (Object) node.doubleValue();
            case BOOLEAN -> node.booleanValue();
            default -> null;
        };
    }
}
