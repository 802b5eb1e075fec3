// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.serve.http.Fields;
import dev.stoa.serve.http.Json;
import dev.stoa.serve.pipeline.ChatRequest;
import dev.stoa.template.dialect.ToolTypes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The parts of a chat request about tools: which there are, which were called, what they answered.
final class ToolsParser {
    private static final int MAX_TOOLS = 128;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]{1,64}");

    private ToolsParser() {}

    /// `tools`, `tool_choice` and `parallel_tool_calls`. With `none` the model is not told of any; `required` and a named
    /// function are enforced while the answer is written.
    static ChatRequest.Tools parse(Fields fields) {
        boolean parallel = !Boolean.FALSE.equals(fields.bool("parallel_tool_calls"));
        JsonNode choice = fields.raw("tool_choice");
        List<JsonNode> tools = fields.array("tools", 0, MAX_TOOLS);
        ChatRequest.Tools.Forced forced = forced(choice, tools == null ? List.of() : tools, fields.problems());
        if (tools == null || tools.isEmpty()) return ChatRequest.Tools.NONE;
        for (int i = 0; i < tools.size(); i++) check(tools.get(i), "tools[" + i + "]", fields.problems());
        if (choice != null && choice.asString("").equals("none")) return ChatRequest.Tools.NONE;
        return new ChatRequest.Tools(tools.stream().map(Json::plain).toList(), ToolTypes.of(fields.raw("tools")), !parallel, forced);
    }

    private static ChatRequest.Tools.Forced forced(JsonNode choice, List<JsonNode> tools, Fields.Problems problems) {
        if (choice == null || choice.isString() && Set.of("none", "auto").contains(choice.asString())) return null;
        JsonNode name = choice.path("function").path("name");
        boolean named = choice.path("type").asString("").equals("function") && name.isString();
        if (!named && !choice.asString("").equals("required")) {
            problems.add(Fault.of(AppFault.UNSUPPORTED_PARAMETER, "\"tool_choice\" is not supported by this server with this value").where("tool_choice")
                    .got(choice).expected("none, auto, required or {\"type\": \"function\", \"function\": {\"name\": …}}"));
            return null;
        }
        boolean offered = named ? tools.stream().anyMatch(tool -> tool.path("function").path("name").equals(name)) : !tools.isEmpty();
        if (!offered) {
            problems.add(Fault.of(EngineFault.OUT_OF_RANGE, "\"tool_choice\" asks for a tool that is not there").where("tool_choice").got(choice)
                    .expected(tools.isEmpty() ? "tools beside it" : "one of " + tools.stream().map(tool -> tool.path("function").path("name").asString("?")).toList()));
        }
        return new ChatRequest.Tools.Forced(named ? name.asString() : null);
    }

    private static void check(JsonNode tool, String path, Fields.Problems problems) {
        JsonNode function = tool.path("function");
        if (!tool.path("type").asString("").equals("function") || !function.isObject()) {
            problems.add(Fault.of(AppFault.UNSUPPORTED_PARAMETER, "only functions can be called").where(path)
                    .got(tool.path("type").asString("a tool without type")).expected("{\"type\": \"function\", \"function\": {…}}"));
            return;
        }
        name(function.path("name"), path + ".function.name", problems);
        JsonNode parameters = function.path("parameters");
        if (!parameters.isMissingNode() && !parameters.isObject()) {
            problems.add(Fault.of(AppFault.INVALID_TYPE, "\"%s\" has the wrong type", path + ".function.parameters")
                    .where(path + ".function.parameters").expected("a JSON schema object"));
        }
    }

    private static void name(JsonNode name, String path, Fields.Problems problems) {
        if (name.isString() && NAME.matcher(name.asString()).matches()) return;
        problems.add(Fault.of(EngineFault.OUT_OF_RANGE, "the name of a function is missing or not usable").where(path)
                .got(name.asString("nothing")).expected("1 to 64 letters, digits, _ or -"));
    }

    /// `tool_calls` of an assistant's message as templates read them: arguments as an object. Their ids go into `answerable`.
    static Object calls(Fields message, String path, Set<String> answerable) {
        List<JsonNode> calls = message.array("tool_calls", 1, MAX_TOOLS);
        if (calls == null) return null;
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < calls.size(); i++) {
            String where = path + ".tool_calls[" + i + "]";
            JsonNode call = calls.get(i);
            JsonNode id = call.path("id");
            if (!id.isString() || id.asString().isEmpty()) {
                message.problems().add(Fault.of(AppFault.MISSING_FIELD, "the field \"%s\" is missing", where + ".id").where(where + ".id")
                        .expected("a string"));
                continue;
            }
            answerable.add(id.asString());
            name(call.path("function").path("name"), where + ".function.name", message.problems());
            Map<String, Object> function = new LinkedHashMap<>();
            function.put("name", call.path("function").path("name").asString(""));
            function.put("arguments", arguments(call.path("function").path("arguments"), where + ".function.arguments", message.problems()));
            Map<String, Object> value = new LinkedHashMap<>();
            value.put("id", id.asString());
            value.put("type", "function");
            value.put("function", function);
            values.add(value);
        }
        return values;
    }

    private static Object arguments(JsonNode arguments, String where, Fields.Problems problems) {
        try {
            String text = arguments.asString("");
            JsonNode read = arguments.isString() ? JsonMapper.shared().readTree(text.isBlank() ? "{}" : text) : arguments;
            if (read instanceof ObjectNode) return Json.plain(read);
        } catch (JacksonException notJson) {
            // the same message as for another type
        }
        problems.add(Fault.of(AppFault.INVALID_TYPE, "\"%s\" is not a JSON object in a string", where).where(where)
                .got(arguments).expected("for example \"{}\""));
        return null;
    }

    /// The call that a `tool` message answers, or null after noting that there is none.
    static String answered(Fields message, String path, Set<String> answerable) {
        String id = message.requiredString("tool_call_id");
        if (id == null || answerable.contains(id)) return id;
        message.problems().add(Fault.of(EngineFault.OUT_OF_RANGE, "the tool message answers no earlier call").where(path + ".tool_call_id").got(id)
                .expected(answerable.isEmpty() ? "an assistant message with tool_calls before it" : "one of " + answerable));
        return null;
    }
}
