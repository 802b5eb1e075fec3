// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.generate.grammar.GrammarBuilder.Part;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;

/// JSON values of a schema as grammar. Understood: `type` (also a list), `properties`, `required`, `items`, `minItems` and `maxItems` up to
/// 64, `enum`, `const`, `anyOf`, `oneOf` (as anyOf), `$ref` into the same schema. Properties come in the order of the
/// schema, optional ones may be left out; no others are written, except where a schema names none. What else would
/// constrain a value is refused for a strict schema, with its JSON pointer, and left to the model otherwise.
final class JsonGrammar {
    private static final int DIGITS = 15;
    private static final int MAX_ITEMS = 64;
    private static final int MAX_PROPERTIES = 1000;
    private static final Set<String> HARMLESS = Set.of("title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly",
            "nullable", "$schema", "$id", "$comment", "$defs", "definitions", "type", "properties", "required", "additionalProperties", "items",
            "minItems", "maxItems", "enum", "const", "anyOf", "oneOf", "$ref", "strict");
    private final GrammarBuilder builder;
    private final Object root;
    private final boolean strict;
    private final Map<String, Integer> references = new HashMap<>();
    private final int anyValue;
    private int properties;

    /// For one schema, whose references are looked up in `root`.
    JsonGrammar(GrammarBuilder builder, Object root, boolean strict) {
        this.builder = builder;
        this.root = root;
        this.strict = strict;
        anyValue = builder.rule();
        builder.define(anyValue, builder.any(scalar("string"), scalar("number"), scalar("boolean"), scalar("null"), object(null, ""), array(null, "")));
    }

    /// Values of `schema` (a map, or true for anything) that stands at `pointer`.
    Part value(Object schema, String pointer) {
        if (!(schema instanceof Map<?, ?> map)) return builder.call(anyValue);
        if (strict) {
            for (Object key : map.keySet()) if (!HARMLESS.contains(String.valueOf(key))) throw unsupported(pointer + "/" + key, String.valueOf(map.get(key)));
        }
        if (map.get("$ref") instanceof String reference) return reference(reference, pointer);
        if (map.containsKey("const")) return builder.text(json(map.get("const")));
        if (map.get("enum") instanceof List<?> values && !values.isEmpty()) {
            return builder.any(values.stream().map(one -> builder.text(json(one))).toList());
        }
        for (String choice : List.of("anyOf", "oneOf")) {
            if (!(map.get(choice) instanceof List<?> choices) || choices.isEmpty()) continue;
            List<Part> parts = new ArrayList<>();
            for (int i = 0; i < choices.size(); i++) parts.add(value(choices.get(i), pointer + "/" + choice + "/" + i));
            return builder.any(parts);
        }
        Object type = map.get("type");
        if (type instanceof List<?> types && !types.isEmpty()) {
            return builder.any(types.stream().map(one -> ofType(String.valueOf(one), map, pointer)).toList());
        }
        if (type != null) return ofType(String.valueOf(type), map, pointer);
        return map.containsKey("properties") ? once(object(map, pointer)) : builder.call(anyValue);
    }

    /// A rule of its own, so that what is used twice is not built twice.
    private Part once(Part part) {
        int rule = builder.rule();
        builder.define(rule, part);
        return builder.call(rule);
    }

    private Part ofType(String type, Map<?, ?> schema, String pointer) {
        return switch (type) {
            case "object" -> once(object(schema, pointer));
            case "array" -> once(array(schema, pointer));
            case "string", "integer", "number", "boolean", "null" -> scalar(type);
            default -> {
                if (strict) throw unsupported(pointer + "/type", type);
                yield builder.call(anyValue);
            }
        };
    }

    private Part reference(String reference, String pointer) {
        Integer known = references.get(reference);
        if (known != null) return builder.call(known);
        Object target = root;
        if (!reference.startsWith("#")) throw unsupported(pointer + "/$ref", reference);
        for (String step : reference.substring(1).split("/")) {
            if (step.isEmpty()) continue;
            target = target instanceof Map<?, ?> map ? map.get(step.replace("~1", "/").replace("~0", "~")) : null;
            if (target == null) throw unsupported(pointer + "/$ref", reference);
        }
        int rule = builder.rule();
        references.put(reference, rule);
        builder.define(rule, value(target, reference.substring(1)));
        return builder.call(rule);
    }

    private Part scalar(String type) {
        GrammarBuilder b = builder;
        Part digits = b.upTo(DIGITS - 1, b.oneOf("0-9"));
        Part integer = b.all(b.maybe(b.text("-")), b.any(b.text("0"), b.all(b.oneOf("1-9"), digits)));
        return switch (type) {
            case "string" -> string();
            case "integer" -> integer;
            case "number" -> b.all(integer, b.maybe(b.all(b.text("."), b.oneOf("0-9"), digits)),
                    b.maybe(b.all(b.oneOf("eE"), b.maybe(b.oneOf("+-")), b.oneOf("0-9"), b.maybe(b.oneOf("0-9")))));
            case "boolean" -> b.any(b.text("true"), b.text("false"));
            default -> b.text("null");
        };
    }

    private Part string() {
        GrammarBuilder b = builder;
        Part hex = b.oneOf("0-9", "a-f", "A-F");
        Part plain = b.oneOf(" -!", "#-[", "]-\u007f");
        // Half a surrogate pair is not written: \\u stops before D800 and goes on after DFFF.
        Part unicode = b.all(b.text("u"), b.any(b.all(b.oneOf("0-9", "a-c", "A-C", "efEF"), hex, hex, hex), b.all(b.oneOf("dD"), b.oneOf("0-7"), hex, hex)));
        Part escape = b.all(b.text("\\"), b.any(b.oneOf("\"\\/bfnrt"), unicode));
        return b.all(b.text("\""), b.many(b.any(plain, b.wideCharacter(), escape)), b.text("\""));
    }

    private Part space() {
        return builder.maybe(builder.text(" "));
    }

    private Part array(Map<?, ?> schema, String pointer) {
        GrammarBuilder b = builder;
        Part item = schema == null || !schema.containsKey("items") ? b.call(anyValue) : value(schema.get("items"), pointer + "/items");
        int least = count(schema, "minItems", 0, pointer);
        int most = count(schema, "maxItems", -1, pointer);
        Part next = b.all(b.text(","), space(), item);
        Part more = most < 0 ? b.all(b.times(Math.max(0, least - 1), next), b.many(next))
                : b.all(b.times(Math.max(0, least - 1), next), b.upTo(Math.max(0, most - Math.max(1, least)), next));
        Part some = b.all(item, more);
        return b.all(b.text("["), most == 0 ? b.text("") : least > 0 ? some : b.maybe(some), b.text("]"));
    }

    private int count(Map<?, ?> schema, String key, int otherwise, String pointer) {
        if (schema == null || !(schema.get(key) instanceof Number number)) return otherwise;
        if (number.doubleValue() == number.intValue() && number.intValue() >= 0 && number.intValue() <= MAX_ITEMS) return number.intValue();
        if (strict) throw unsupported(pointer + "/" + key, number.toString());
        return otherwise;
    }

    /// `{"a": …, "b": …}` with the properties in order; any keys where the schema names none.
    Part object(Map<?, ?> schema, String pointer) {
        GrammarBuilder b = builder;
        Map<?, ?> named = schema != null && schema.get("properties") instanceof Map<?, ?> map ? map : Map.of();
        if (named.isEmpty()) {
            boolean closed = schema != null && Boolean.FALSE.equals(schema.get("additionalProperties"));
            if (closed) return b.text("{}");
            Part any = b.all(string(), b.text(":"), space(), schema != null && schema.get("additionalProperties") instanceof Map<?, ?> other
                    ? value(other, pointer + "/additionalProperties") : b.call(anyValue));
            return b.all(b.text("{"), b.maybe(b.all(any, b.many(b.all(b.text(","), space(), any)))), b.text("}"));
        }
        List<Member> members = new ArrayList<>();
        for (Map.Entry<?, ?> entry : named.entrySet()) {
            if (++properties > MAX_PROPERTIES) throw unsupported(pointer + "/properties", "more than " + MAX_PROPERTIES + " properties");
            String key = String.valueOf(entry.getKey());
            Part part = b.all(b.text(json(key) + ":"), space(), value(entry.getValue(), pointer + "/properties/" + key));
            members.add(new Member(part, required(schema, key)));
        }
        return b.all(b.text("{"), members(members, true), b.text("}"));
    }

    static boolean required(Map<?, ?> schema, String key) {
        return schema.get("required") instanceof List<?> names && names.contains(key);
    }

    private record Member(Part part, boolean required) {}

    /// The members in order; `first` while none has been written, so that no comma is due.
    private Part members(List<Member> members, boolean first) {
        GrammarBuilder b = builder;
        return next -> {
            // From the last to the first: what may follow with a comma due, and without.
            int due = next;
            int fresh = next;
            for (int i = members.size() - 1; i >= 0; i--) {
                Member member = members.get(i);
                int afterwards = due;
                Part with = b.all(b.text(","), space(), member.part);
                int writtenDue = with.before(afterwards);
                int writtenFresh = member.part.before(afterwards);
                int skippedDue = due;
                int skippedFresh = fresh;
                due = member.required ? writtenDue : b.any(n -> writtenDue, n -> skippedDue).before(next);
                fresh = member.required ? writtenFresh : b.any(n -> writtenFresh, n -> skippedFresh).before(next);
            }
            return first ? fresh : due;
        };
    }

    static String json(Object value) {
        return JsonMapper.shared().writeValueAsString(value);
    }

    private static RuntimeException unsupported(String pointer, String got) {
        return Fault.of(EngineFault.GRAMMAR_UNSUPPORTED, "this part of a schema cannot be enforced").where(pointer).got(got)
                .expected("type, properties, required, items, minItems, maxItems, enum, const, anyOf, oneOf, $ref").next("leave it out, or do without strict").exception();
    }
}
