// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.serve.http.Fields;
import dev.stoa.serve.http.Json;
import dev.stoa.serve.pipeline.ChatRequest;
import dev.stoa.template.Message;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The JSON of a chat completion request. A field that would change the meaning of the answer and is not supported
/// is refused, unless its value means "off"; a field nobody knows is ignored and named in `ignored`.
public final class ChatParser {
    /// The request, and the names of the fields that were ignored.
    public record Parsed(ChatRequest request, List<String> ignored) {}

    private static final int MAX_MESSAGES = 2048;
    private static final int MAX_STOP_BYTES = 256;
    /// Accepted because they do not change the answer.
    private static final Set<String> HARMLESS = Set.of(
            "metadata", "store", "prompt_cache_key", "safety_identifier", "service_tier");

    private static final Set<String> RESERVED = Set.of("messages", "tools", "add_generation_prompt", "bos_token", "eos_token");

    private ChatParser() {}

    public static Parsed parse(byte[] body) {
        Fields.Problems problems = new Fields.Problems();
        Fields fields = new Fields(Json.object(body), "", problems);
        String model = fields.requiredString("model");
        List<Message> messages = messages(fields);
        Integer choices = fields.integer("n", 1, 8);
        ChatRequest.Sampling sampling = sampling(fields);
        boolean stream = Boolean.TRUE.equals(fields.bool("stream"));
        boolean includeUsage = false;
        Fields streamOptions = fields.object("stream_options");
        if (streamOptions != null) includeUsage = Boolean.TRUE.equals(streamOptions.bool("include_usage"));
        String user = fields.string("user");
        ChatRequest.Options options = OptionsParser.parse(fields);
        ChatRequest.Tools tools = ToolsParser.parse(fields);
        Map<String, Object> templateArguments = templateArguments(fields);
        refuseUnsupported(fields);
        HARMLESS.forEach(fields::raw);
        problems.raise();
        ChatRequest request = new ChatRequest(
                model, messages, choices == null ? 1 : choices, sampling, stream, includeUsage, user, tools, templateArguments, options);
        return new Parsed(request, fields.unread());
    }

    /// `chat_template_kwargs`: variables of the template, like `enable_thinking`. Those the server sets are not taken.
    private static Map<String, Object> templateArguments(Fields fields) {
        if (fields.object("chat_template_kwargs") == null) return Map.of();
        Map<String, Object> arguments = new LinkedHashMap<>();
        fields.raw("chat_template_kwargs").properties().forEach(entry -> arguments.put(entry.getKey(), Json.plain(entry.getValue())));
        for (String name : RESERVED) {
            if (!arguments.containsKey(name)) continue;
            fields.problems().add(Fault.of(AppFault.UNSUPPORTED_PARAMETER, "\"%s\" is set by the server", name).where("chat_template_kwargs." + name)
                    .expected("not given"));
        }
        return arguments;
    }

    /// Messages of an array field, shared with the route endpoint.
    public static List<Message> messages(Fields fields) {
        List<JsonNode> array = fields.array("messages", 1, MAX_MESSAGES);
        Fields.Problems problems = fields.problems();
        if (array == null) {
            if (!fields.has("messages")) {
                problems.add(Fault.of(AppFault.MISSING_FIELD, "the field \"messages\" is missing").where("messages")
                        .expected("an array of {role, content}"));
            }
            return List.of();
        }
        List<Message> messages = new ArrayList<>();
        Set<String> answerable = new HashSet<>();
        boolean anyText = false;
        for (int i = 0; i < array.size(); i++) {
            String path = "messages[" + i + "]";
            if (!(array.get(i) instanceof ObjectNode object)) {
                problems.add(Fault.of(AppFault.INVALID_TYPE, "\"%s\" is not an object", path).where(path).expected("{role, content}"));
                continue;
            }
            Message message = message(new Fields(object, path, problems), path, problems, answerable);
            if (message == null) continue;
            messages.add(message);
            anyText |= !message.content().isBlank();
        }
        if (!anyText && messages.size() == array.size()) {
            problems.add(Fault.of(EngineFault.EMPTY_PROMPT, "no message holds any text").where("messages").expected("a question"));
        }
        return messages;
    }

    private static Message message(Fields fields, String path, Fields.Problems problems, Set<String> answerable) {
        String role = fields.requiredString("role");
        if (role == null) return null;
        String known = switch (role) {
            case "system", "developer" -> "system";
            case "user", "assistant", "tool" -> role;
            default -> null;
        };
        if (known == null) {
            problems.add(Fault.of(EngineFault.OUT_OF_RANGE, "unknown role").where(path + ".role").got(role)
                    .expected("system, developer, user, assistant, tool"));
            return null;
        }
        Map<String, Object> more = new LinkedHashMap<>();
        boolean assistant = known.equals("assistant");
        if (assistant && fields.has("tool_calls")) more.put("tool_calls", ToolsParser.calls(fields, path, answerable));
        if (assistant && fields.has("reasoning_content")) more.put("reasoning_content", fields.string("reasoning_content"));
        if (known.equals("tool")) more.put("tool_call_id", ToolsParser.answered(fields, path, answerable));
        if (fields.has("name")) more.put("name", fields.string("name"));
        String content = more.containsKey("tool_calls") && !fields.has("content") ? "" : content(fields, path, problems);
        return content == null ? null : new Message(known, content, more);
    }

    /// A string, or text parts joined.
    private static String content(Fields fields, String path, Fields.Problems problems) {
        JsonNode value = fields.raw("content");
        String where = path + ".content";
        if (value == null) {
            problems.add(Fault.of(AppFault.MISSING_FIELD, "the field \"%s\" is missing", where).where(where).expected("a string or text parts"));
            return null;
        }
        if (value.isString()) return value.asString();
        if (!value.isArray()) {
            problems.add(Fault.of(AppFault.INVALID_TYPE, "\"%s\" has the wrong type", where).where(where).expected("a string or text parts"));
            return null;
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < value.size(); i++) {
            JsonNode part = value.get(i);
            boolean isText = part.path("type").asString("").equals("text") && part.path("text").isString();
            if (!isText) {
                problems.add(Fault.of(AppFault.UNSUPPORTED_CONTENT, "only text parts are supported").where(where + "[" + i + "]")
                        .got(part.path("type").asString("a part without type")).expected("{\"type\": \"text\", \"text\": …}"));
                return null;
            }
            text.append(part.get("text").asString());
        }
        return text.toString();
    }

    private static ChatRequest.Sampling sampling(Fields fields) {
        Integer completion = fields.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
        Integer legacy = fields.integer("max_tokens", 1, Integer.MAX_VALUE);
        if (completion != null && legacy != null && !completion.equals(legacy)) {
            fields.problems().add(Fault.of(EngineFault.OUT_OF_RANGE, "max_tokens and max_completion_tokens differ").where("max_tokens")
                    .got(legacy + " and " + completion).expected("one of them"));
        }
        Boolean wantsLogprobs = fields.bool("logprobs");
        Integer top = fields.integer("top_logprobs", 0, 20);
        boolean logprobs = Boolean.TRUE.equals(wantsLogprobs);
        if (top != null && top > 0 && !logprobs) {
            fields.problems().add(Fault.of(EngineFault.OUT_OF_RANGE, "top_logprobs needs logprobs: true").where("top_logprobs"));
        }
        return new ChatRequest.Sampling(
                completion == null ? legacy : completion, fields.number("temperature", 0, false, 2), fields.number("top_p", 0, true, 1),
                fields.integer("top_k", 0, Integer.MAX_VALUE), fields.number("min_p", 0, false, 1), fields.longInteger("seed"),
                stop(fields), logprobs ? top == null ? 0 : top : -1);
    }

    private static List<String> stop(Fields fields) {
        JsonNode value = fields.raw("stop");
        if (value == null) return List.of();
        List<String> texts = new ArrayList<>();
        if (value.isString()) texts.add(value.asString());
        boolean wrong = !value.isString() && !(value.isArray() && value.size() <= 4);
        if (value.isArray()) {
            for (JsonNode one : value) {
                wrong |= !one.isString();
                texts.add(one.asString(""));
            }
        }
        for (String text : texts) {
            int bytes = text.getBytes(StandardCharsets.UTF_8).length;
            wrong |= bytes < 1 || bytes > MAX_STOP_BYTES;
        }
        if (!wrong) return texts;
        fields.problems().add(Fault.of(EngineFault.OUT_OF_RANGE, "\"stop\" is not usable").where("stop")
                .expected("a string or at most 4 strings of 1 to %d bytes".formatted(MAX_STOP_BYTES)));
        return List.of();
    }

    /// Fields with a meaning this server cannot honour: refused, unless the value asks for nothing.
    private static void refuseUnsupported(Fields fields) {
        neutralNumber(fields, "presence_penalty", 0);
        neutralNumber(fields, "frequency_penalty", 0);
        neutralNumber(fields, "repetition_penalty", 1);
        for (String name : List.of("logit_bias", "functions")) {
            JsonNode value = fields.raw(name);
            if (value != null && !value.isEmpty()) refuse(fields, name, "not given");
        }
        JsonNode call = fields.raw("function_call");
        if (call != null && !(call.isString() && Set.of("none", "auto").contains(call.asString()))) refuse(fields, "function_call", "not given, none or auto");
        JsonNode format = fields.raw("response_format");
        if (format != null && !format.path("type").asString("").equals("text")) refuse(fields, "response_format", "{\"type\": \"text\"}");
        JsonNode modalities = fields.raw("modalities");
        if (modalities != null && !modalities.toString().equals("[\"text\"]")) refuse(fields, "modalities", "[\"text\"]");
        for (String name : List.of("audio", "prediction", "web_search_options", "reasoning_effort", "verbosity")) {
            if (fields.raw(name) != null) refuse(fields, name, "not given");
        }
    }

    private static void neutralNumber(Fields fields, String name, double neutral) {
        JsonNode value = fields.raw(name);
        if (value != null && !(value.isNumber() && value.asDouble() == neutral)) refuse(fields, name, neutral == 0 ? "0" : "1");
    }

    private static void refuse(Fields fields, String name, String expected) {
        fields.problems().add(Fault.of(AppFault.UNSUPPORTED_PARAMETER, "\"%s\" is not supported by this server", name)
                .where(name).expected(expected));
    }
}
