// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `{"r4": {"luvo": 3}}`, `[env:r4] board=luvo speed=3`, `lr=luvo steps=3`, `r4: luvo x3`: keys in any order.
final class Maps {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();
    private static final Pattern PART = Pattern.compile("(\\w+) ?: ?(\\w+) x ?([0-9]{1,6})");
    private static final Pattern SECTION = Pattern.compile("\\[([\\w:]+)\\] ?(.*)");
    private static final Pattern PAIR = Pattern.compile("(\\w+)=(\\w+)");

    private Maps() {}

    static Object parse(String text) throws BadSyntax {
        if (text.startsWith("{")) return json(text);
        Map<String, Object> map = new TreeMap<>();
        Matcher part = PART.matcher(text);
        if (part.matches()) {
            map.put("reference", part.group(1));
            map.put("part", part.group(2));
            map.put("count", Text.value(part.group(3)));
            return map;
        }
        Matcher section = SECTION.matcher(text);
        if (section.matches()) map.put("[section]", section.group(1));
        for (String pair : (section.matches() ? section.group(2) : text).split(" ")) {
            Matcher matcher = Text.match(PAIR, pair, "key=value: " + pair);
            if (map.put(matcher.group(1), Text.value(matcher.group(2))) != null) {
                throw new BadSyntax("%s given twice", matcher.group(1));
            }
        }
        return map;
    }

    private static Object json(String text) throws BadSyntax {
        try {
            return JSON.readTree(text);
        } catch (JacksonException cause) {
            throw new BadSyntax("not a JSON object: %s", cause.getOriginalMessage());
        }
    }
}
