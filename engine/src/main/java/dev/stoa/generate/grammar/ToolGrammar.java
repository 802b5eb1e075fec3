// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate.grammar;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.generate.grammar.GrammarBuilder.Part;
import dev.stoa.template.dialect.Block;
import dev.stoa.template.dialect.Dialect;
import dev.stoa.token.Tokenizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Answers that are tool calls, in the dialect of a family: what its parser reads and its template shows.
public final class ToolGrammar {
    private static final String QUOTE = "<|\"|>";
    private final GrammarBuilder b = new GrammarBuilder();
    private final Dialect dialect;
    private final Tokenizer tokenizer;

    private ToolGrammar(Dialect dialect, Tokenizer tokenizer) {
        this.dialect = dialect;
        this.tokenizer = tokenizer;
    }

    /// One call of one of `tools` (as the OpenAI API declares them, plain maps), or of the one named `only` when that is
    /// not null; several calls unless `single`. It begins after the reasoning block `opened` that the prompt leaves open.
    public static Constraint of(Dialect dialect, Tokenizer tokenizer, List<Object> tools, String only, boolean single, Block opened) {
        Map<String, Map<?, ?>> functions = new LinkedHashMap<>();
        for (Object tool : tools) {
            if (tool instanceof Map<?, ?> map && map.get("function") instanceof Map<?, ?> function && function.get("name") instanceof String name) {
                if (only == null || only.equals(name)) functions.put(name, function);
            }
        }
        if (functions.isEmpty()) {
            throw Fault.of(EngineFault.GRAMMAR_UNSUPPORTED, "there is no tool to call").where("tool_choice").got(only == null ? "required" : only)
                    .expected("a function among the tools").exception();
        }
        if (dialect.syntax() != dev.stoa.template.dialect.ToolSyntax.HARMONY && dialect.tools().isEmpty()) {
            throw Fault.of(EngineFault.GRAMMAR_UNSUPPORTED, "nothing is known of how this model calls tools").where("tool_choice")
                    .got(dialect.name()).expected("auto").exception();
        }
        ToolGrammar grammar = new ToolGrammar(dialect, tokenizer);
        int start = grammar.b.rule();
        grammar.b.define(start, grammar.answer(functions, single || only != null));
        return new Constraint(grammar.b.build(), opened == null ? null : opened.close());
    }

    private Part answer(Map<String, Map<?, ?>> functions, boolean single) {
        List<Part> calls = new ArrayList<>();
        functions.forEach((name, function) -> calls.add(call(name, function)));
        Part blank = b.upTo(2, b.oneOf(" \n"));
        Part one = b.any(calls);
        boolean alone = single || dialect.bareJson() || dialect.syntax() == dev.stoa.template.dialect.ToolSyntax.HARMONY;
        return b.all(blank, one, alone ? b.text("") : b.many(b.all(blank, one)));
    }

    private Part call(String name, Map<?, ?> function) {
        Map<?, ?> schema = function.get("parameters") instanceof Map<?, ?> parameters ? parameters : Map.of("type", "object");
        JsonGrammar json = new JsonGrammar(b, schema, Boolean.TRUE.equals(function.get("strict")));
        String pointer = "tools/" + name + "/parameters";
        Part arguments = json.object(schema, pointer);
        return switch (dialect.syntax()) {
            case JSON_OR_TAGS -> dialect.name().equals("qwen3.5")
                    ? block("\n", b.all(b.text("<function=" + name + ">\n"), values(json, schema, pointer, "<parameter=%s>\n", "\n</parameter>\n"), b.text("</function>")))
                    : block("\n", b.all(b.text("{\"name\": " + JsonGrammar.json(name) + ", \"arguments\": "), arguments, b.text("}")));
            case JSON -> b.all(b.text("{\"name\": " + JsonGrammar.json(name) + ", \"parameters\": "), arguments, b.text("}"));
            case GEMMA -> block("", b.all(b.text("call:" + name + "{"), gemmaMembers(schema), b.text("}")));
            case INVOKE -> block("\n", b.all(b.text("<invoke name=\"" + name + "\">\n"),
                    values(json, schema, pointer, "<parameter name=\"%s\">", "</parameter>\n"), b.text("</invoke>")));
            case HARMONY -> b.all(marker("<|channel|>"), b.text("commentary to=functions." + name + " "), marker("<|constrain|>"), b.text("json"),
                    marker("<|message|>"), arguments);
        };
    }

    /// A marker as the tokenizer has it: a special token, or characters.
    private Part marker(String text) {
        int id = tokenizer.id(text);
        return id >= 0 && tokenizer.isSpecial(id) ? b.token(id) : b.text(text);
    }

    private Part block(String line, Part inside) {
        Block block = dialect.tools().getFirst();
        return b.all(marker(block.open()), b.text(line), inside, b.text(line), marker(block.close()));
    }

    /// Parameters between tags: texts as they are, other values as JSON.
    private Part values(JsonGrammar json, Map<?, ?> schema, String pointer, String open, String close) {
        List<Part> parts = new ArrayList<>();
        if (schema.get("properties") instanceof Map<?, ?> properties) {
            properties.forEach((key, value) -> {
                boolean raw = value instanceof Map<?, ?> map && "string".equals(map.get("type")) && !map.containsKey("enum") && !map.containsKey("const");
                boolean choice = value instanceof Map<?, ?> map && "string".equals(map.get("type")) && map.get("enum") instanceof List<?>;
                Part inside = raw ? b.textWithout("</") : choice ? names((Map<?, ?>) value) : json.value(value, pointer + "/properties/" + key);
                Part part = b.all(b.text(open.formatted(key)), inside, b.text(close));
                parts.add(JsonGrammar.required(schema, String.valueOf(key)) ? part : b.maybe(part));
            });
        }
        return b.all(parts);
    }

    private Part names(Map<?, ?> schema) {
        return b.any(((List<?>) schema.get("enum")).stream().map(one -> b.text(String.valueOf(one))).toList());
    }

    /// Gemma writes keys bare and texts between its own quotes.
    private Part gemmaMembers(Map<?, ?> schema) {
        if (!(schema.get("properties") instanceof Map<?, ?> properties) || properties.isEmpty()) return b.text("");
        List<Part> required = new ArrayList<>();
        List<Part> optional = new ArrayList<>();
        properties.forEach((key, value) -> {
            Part member = b.all(b.text(key + ":"), gemmaValue(value));
            if (JsonGrammar.required(schema, String.valueOf(key))) required.add(required.isEmpty() ? member : b.all(b.text(","), member));
            else optional.add(member);
        });
        // Required ones first: with one of them written, every optional one has its comma.
        if (required.isEmpty()) return b.maybe(b.any(optional));
        List<Part> all = new ArrayList<>(required);
        for (Part part : optional) all.add(b.maybe(b.all(b.text(","), part)));
        return b.all(all);
    }

    private Part gemmaValue(Object schema) {
        Map<?, ?> map = schema instanceof Map<?, ?> given ? given : Map.of();
        if (map.get("enum") instanceof List<?> values && !values.isEmpty()) {
            return b.any(values.stream().map(one -> one instanceof String text ? quoted(b.text(text)) : b.text(JsonGrammar.json(one))).toList());
        }
        Part items = map.get("items") == null ? null : gemmaValue(map.get("items"));
        return switch (String.valueOf(map.get("type"))) {
            case "object" -> b.all(b.text("{"), gemmaMembers(map), b.text("}"));
            case "array" -> {
                Part item = items == null ? quoted(b.textWithout(QUOTE)) : items;
                yield b.all(b.text("["), b.maybe(b.all(item, b.many(b.all(b.text(","), item)))), b.text("]"));
            }
            case "integer", "number", "boolean", "null" -> new JsonGrammar(b, map, false).value(map, "");
            default -> quoted(b.textWithout(QUOTE));
        };
    }

    private Part quoted(Part text) {
        return b.all(marker(QUOTE), text, marker(QUOTE));
    }
}
