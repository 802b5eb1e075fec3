// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.generate.Compose;
import dev.stoa.serve.http.Fields;
import dev.stoa.serve.pipeline.ChatRequest;
import dev.stoa.template.dialect.ReasoningMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The `x_stoa` object of a request. Unlike the rest of the body it is ours, so an unknown field in it is an error.
final class OptionsParser {
    private static final List<String> KNOWN = List.of(
            "experts", "route", "compose", "memory", "priority", "timeout_ms", "explain", "council", "fairness", "thinking");
    private static final List<String> KNOWN_MEMORY = List.of("mode", "write", "subject", "conversation", "k");

    private OptionsParser() {}

    static ChatRequest.Options parse(Fields body) {
        Fields fields = body.object("x_stoa");
        if (fields == null) return ChatRequest.Options.NONE;
        List<ChatRequest.Wish> experts = experts(fields);
        ChatRequest.Routing route = fields.choice("route", ChatRequest.Routing.class);
        Compose compose = compose(fields);
        ChatRequest.Memory memory = memory(fields);
        Integer priority = fields.integer("priority", 0, 9);
        Integer timeout = fields.integer("timeout_ms", 1, Integer.MAX_VALUE);
        boolean explain = Boolean.TRUE.equals(fields.bool("explain"));
        onlyWhere(fields, "council", "auto", "off");
        onlyWhere(fields, "fairness", "auto", "off");
        ReasoningMode thinking = fields.choice("thinking", ReasoningMode.class);
        fields.refuseUnread(KNOWN);
        return new ChatRequest.Options(
                true, experts, route, compose, memory, priority == null ? 5 : priority,
                timeout == null ? null : timeout.longValue(), explain, thinking == null ? ReasoningMode.HIDE : thinking);
    }

    private static List<ChatRequest.Wish> experts(Fields fields) {
        List<JsonNode> array = fields.array("experts", 0, 64);
        if (array == null) return List.of();
        List<ChatRequest.Wish> wishes = new ArrayList<>();
        for (int i = 0; i < array.size(); i++) {
            String path = fields.path("experts") + "[" + i + "]";
            if (!(array.get(i) instanceof ObjectNode object)) {
                fields.problems().add(Fault.of(AppFault.INVALID_TYPE, "\"%s\" is not an object", path).where(path).expected("{id, weight}"));
                continue;
            }
            Fields one = new Fields(object, path, fields.problems());
            String id = one.requiredString("id");
            Double weight = one.number("weight", Double.NEGATIVE_INFINITY, false, Double.MAX_VALUE);
            one.refuseUnread(List.of("id", "weight"));
            if (id != null) wishes.add(new ChatRequest.Wish(id, weight == null ? 1 : weight));
        }
        return wishes;
    }

    /// `auto` is null: the pipeline decides.
    private static Compose compose(Fields fields) {
        JsonNode value = fields.raw("compose");
        if (value == null || value.isString() && value.asString().equals("auto")) return null;
        return fields.choice("compose", Compose.class);
    }

    /// A mode, or an object with one.
    private static ChatRequest.Memory memory(Fields fields) {
        JsonNode value = fields.raw("memory");
        if (value == null) return ChatRequest.Memory.DEFAULT;
        if (value.isString()) {
            return new ChatRequest.Memory(fields.choice("memory", ChatRequest.Memory.Mode.class), null, null, null, 3);
        }
        Fields memory = fields.object("memory");
        if (memory == null) return ChatRequest.Memory.DEFAULT;
        Integer k = memory.integer("k", 1, 64);
        ChatRequest.Memory parsed = new ChatRequest.Memory(
                memory.choice("mode", ChatRequest.Memory.Mode.class), memory.bool("write"), memory.string("subject"),
                memory.string("conversation"), k == null ? 3 : k);
        memory.refuseUnread(KNOWN_MEMORY);
        return parsed;
    }

    private static void onlyWhere(Fields fields, String name, String... allowed) {
        String value = fields.string(name);
        if (value == null || List.of(allowed).contains(value.toLowerCase(Locale.ROOT))) return;
        fields.problems().add(Fault.of(AppFault.UNSUPPORTED_PARAMETER, "\"%s\" is not supported by this server", fields.path(name))
                .where(fields.path(name)).got(value).expected(String.join(" or ", allowed)));
    }
}
