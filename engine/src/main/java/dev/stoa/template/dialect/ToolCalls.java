// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Reads the inside of a tool block. Everything must be understood, or the block is malformed.
final class ToolCalls {
    private static final Pattern FUNCTION = Pattern.compile("\\s*<function=([^>\\s]+)\\s*>");
    private static final Pattern PARAMETER = Pattern.compile("\\s*<parameter=([^>]+)>");
    private static final Pattern INVOKE = Pattern.compile("\\s*<invoke name=\"([^\"]*)\"\\s*>");
    private static final Pattern NAMED = Pattern.compile("\\s*<parameter name=\"([^\"]*)\"\\s*>");

    /// A block that does not follow its dialect; the message says where.
    static final class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String why) {
            super(why, null, false, false);
        }
    }

    private ToolCalls() {}

    static List<ToolCall> parse(ToolSyntax syntax, String body, ToolTypes types) throws Malformed {
        List<ToolCall> calls = switch (syntax) {
            case JSON_OR_TAGS -> body.stripLeading().startsWith("<function=") ? tags(body, FUNCTION, PARAMETER, "</function>", types) : json(body);
            case JSON -> json(body);
            case GEMMA -> GemmaCalls.parse(body);
            case INVOKE -> tags(body, INVOKE, NAMED, "</invoke>", types);
            case HARMONY -> throw new IllegalStateException("harmony names its function in the header");
        };
        if (calls.isEmpty()) throw new Malformed("there is no call");
        return calls;
    }

    /// `arguments` of a call whose name is known: a JSON object, or nothing.
    static String object(String text) throws Malformed {
        if (text.isBlank()) return "{}";
        JsonNode value = read(text);
        if (!value.isObject()) throw new Malformed("the arguments are not an object");
        return text.strip();
    }

    private static JsonNode read(String text) throws Malformed {
        List<JsonNode> all = readAll(text);
        if (all.size() != 1) throw new Malformed("one JSON value was expected");
        return all.getFirst();
    }

    /// One or several JSON values, with blanks or semicolons between.
    private static List<JsonNode> readAll(String text) throws Malformed {
        List<JsonNode> values = new ArrayList<>();
        String rest = text.strip();
        try {
            while (!rest.isEmpty()) {
                int end = end(rest);
                values.add(JsonMapper.shared().readTree(rest.substring(0, end)));
                rest = rest.substring(end).strip();
                if (rest.startsWith(";")) rest = rest.substring(1).strip();
            }
        } catch (JacksonException notJson) {
            throw new Malformed("not JSON: " + notJson.getOriginalMessage());
        }
        return values;
    }

    private static int end(String text) throws Malformed {
        try (JsonParser parser = JsonMapper.shared().createParser(text)) {
            JsonToken first = parser.nextToken();
            if (first == null || !first.isStructStart()) throw new Malformed("a JSON object was expected");
            parser.skipChildren();
            return Math.toIntExact(parser.currentTokenLocation().getCharOffset()) + 1;
        }
    }

    private static List<ToolCall> json(String body) throws Malformed {
        List<ToolCall> calls = new ArrayList<>();
        for (JsonNode value : readAll(body)) {
            if (value.isArray()) for (JsonNode item : value) calls.add(call(item));
            else calls.add(call(value));
        }
        return calls;
    }

    private static ToolCall call(JsonNode given) throws Malformed {
        JsonNode value = given.path("function").isObject() ? given.path("function") : given;
        JsonNode name = value.path("name");
        JsonNode arguments = value.has("arguments") ? value.path("arguments") : value.path("parameters");
        if (!name.isString() || name.stringValue().isEmpty()) throw new Malformed("a call without a name");
        if (arguments.isString()) return new ToolCall(name.stringValue(), object(arguments.stringValue()));
        if (arguments.isMissingNode() || arguments.isNull()) return new ToolCall(name.stringValue(), "{}");
        if (!arguments.isObject()) throw new Malformed("the arguments are not an object");
        return new ToolCall(name.stringValue(), arguments.toString());
    }

    /// XML-like calls: a value loses one newline at either end and takes its declared type.
    private static List<ToolCall> tags(String body, Pattern open, Pattern parameter, String close, ToolTypes types) throws Malformed {
        List<ToolCall> calls = new ArrayList<>();
        Matcher function = open.matcher(body);
        Matcher named = parameter.matcher(body);
        int at = 0;
        while (!body.substring(at).isBlank()) {
            if (!function.region(at, body.length()).lookingAt()) throw new Malformed("a call was expected at character " + at);
            at = function.end();
            ObjectNode arguments = JsonNodeFactory.instance.objectNode();
            while (named.region(at, body.length()).lookingAt()) {
                int end = valueEnd(body, named.end(), close, parameter);
                if (end < 0) throw new Malformed("a parameter is not closed");
                String value = body.substring(named.end(), end);
                if (value.startsWith("\n")) value = value.substring(1);
                if (value.endsWith("\n")) value = value.substring(0, value.length() - 1);
                arguments.set(named.group(1).strip(), types.convert(function.group(1), named.group(1).strip(), value));
                at = end + "</parameter>".length();
            }
            int end = body.indexOf(close, at);
            if (end < 0 || !body.substring(at, end).isBlank()) throw new Malformed("a call is not closed");
            at = end + close.length();
            calls.add(new ToolCall(function.group(1), arguments.toString()));
        }
        return calls;
    }

    /// The `</parameter>` that ends a value: the first one after which the call goes on or ends, so that a value may
    /// contain the tag itself.
    private static int valueEnd(String body, int from, String close, Pattern next) {
        int first = body.indexOf("</parameter>", from);
        for (int end = first; end >= 0; end = body.indexOf("</parameter>", end + 1)) {
            int after = end + "</parameter>".length();
            boolean goesOn = next.matcher(body).region(after, body.length()).lookingAt() || body.substring(after).stripLeading().startsWith(close);
            if (goesOn) return end;
        }
        return first;
    }
}
