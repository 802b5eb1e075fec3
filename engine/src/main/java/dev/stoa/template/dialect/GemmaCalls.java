// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

import dev.stoa.template.dialect.ToolCalls.Malformed;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Gemma 4's calls: `call:name{key:value,...}`; strings stand in `<|"|>`, objects and lists nest.
final class GemmaCalls {
    private static final String QUOTE = "<|\"|>";
    private static final int MAX_DEPTH = 60;
    private final String text;
    private int at;

    private GemmaCalls(String text) {
        this.text = text;
    }

    static List<ToolCall> parse(String body) throws Malformed {
        GemmaCalls reader = new GemmaCalls(body.strip());
        if (!reader.text.startsWith("call:")) throw new Malformed("'call:' was expected");
        int brace = reader.text.indexOf('{');
        if (brace < 0) throw new Malformed("the arguments are missing");
        String name = reader.text.substring(5, brace).strip();
        if (name.isEmpty()) throw new Malformed("a call without a name");
        reader.at = brace;
        JsonNode arguments = reader.object(0);
        if (reader.at < reader.text.length()) throw new Malformed("text after the call");
        return List.of(new ToolCall(name, arguments.toString()));
    }

    private void blanks() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) at++;
    }

    private boolean skip(char wanted) {
        blanks();
        boolean found = at < text.length() && text.charAt(at) == wanted;
        if (found) at++;
        return found;
    }

    private ObjectNode object(int depth) throws Malformed {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        if (!skip('{')) throw new Malformed("'{' was expected at character " + at);
        while (!skip('}')) {
            if (!object.isEmpty() && !skip(',')) throw new Malformed("',' was expected at character " + at);
            blanks();
            String key;
            if (text.startsWith(QUOTE, at)) {
                key = string();
            } else {
                int colon = text.indexOf(':', at);
                if (colon < 0) throw new Malformed("':' was expected");
                key = text.substring(at, colon).strip();
                at = colon;
            }
            if (!skip(':')) throw new Malformed("':' was expected at character " + at);
            object.set(key, value(depth + 1));
        }
        return object;
    }

    private JsonNode value(int depth) throws Malformed {
        if (depth > MAX_DEPTH) throw new Malformed("values are nested too deeply");
        blanks();
        if (at >= text.length()) throw new Malformed("a value is missing");
        if (text.charAt(at) == '{') return object(depth);
        if (text.startsWith(QUOTE, at)) return JsonNodeFactory.instance.stringNode(string());
        if (skip('[')) {
            ArrayNode list = JsonNodeFactory.instance.arrayNode();
            while (!skip(']')) {
                if (!list.isEmpty() && !skip(',')) throw new Malformed("',' was expected at character " + at);
                list.add(value(depth + 1));
            }
            return list;
        }
        int end = at;
        while (end < text.length() && ",}]".indexOf(text.charAt(end)) < 0) end++;
        String word = text.substring(at, end).strip();
        at = end;
        if (word.equals("true") || word.equals("false")) return JsonNodeFactory.instance.booleanNode(word.equals("true"));
        if (word.equals("null")) return JsonNodeFactory.instance.nullNode();
        if (word.matches("-?\\d{1,18}")) return JsonNodeFactory.instance.numberNode(Long.parseLong(word));
        if (word.matches("-?\\d{1,300}(\\.\\d{1,300})?([eE][+-]?\\d{1,3})?")) return JsonNodeFactory.instance.numberNode(new java.math.BigDecimal(word));
        if (word.isEmpty()) throw new Malformed("a value is missing at character " + at);
        return JsonNodeFactory.instance.stringNode(word);
    }

    private String string() throws Malformed {
        int begin = at + QUOTE.length();
        int end = text.indexOf(QUOTE, begin);
        if (end < 0) throw new Malformed("a string is not closed");
        at = end + QUOTE.length();
        return text.substring(begin, end);
    }
}
