// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.template.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// One row of a training file, in whichever of the known layouts its keys say.
public sealed interface Row {
    /// A conversation; only turns that [Turn#trains] are learned.
    record Chat(List<Turn> turns) implements Row {
        public Chat {
            turns = List.copyOf(turns);
        }

        List<Message> messages() {
            return turns.stream().map(Turn::message).toList();
        }
    }

    /// Plain text to continue; only the completion is learned.
    record Completion(String prompt, String completion) implements Row {}

    /// A message with its loss weight; assistant turns weigh 1 unless the row says otherwise, all others 0.
    record Turn(Message message, float weight) {
        boolean trains() {
            return weight > 0;
        }
    }

    Set<String> ROLES = Set.of("system", "user", "assistant", "tool");

    /// The row of a JSON object: `messages` (OpenAI, mlx, TRL chat), `prompt` + `completion` (texts, or message lists), or
    /// `instruction` (+ `input`, `system`) + `output` (Alpaca). `where` names the place in errors.
    static Row of(JsonNode json, String where) {
        if (json.has("messages")) return chat(messages(json.get("messages"), where), where);
        if (json.has("prompt") && json.has("completion")) {
            if (json.get("prompt").isArray() || json.get("completion").isArray()) {
                List<Turn> turns = new ArrayList<>();
                for (Turn turn : messages(json.get("prompt"), where)) turns.add(new Turn(turn.message(), 0));
                turns.addAll(messages(json.get("completion"), where));
                return chat(turns, where);
            }
            return new Completion(text(json, "prompt", where), text(json, "completion", where));
        }
        if (json.has("instruction") && json.has("output")) return alpaca(json, where);
        throw invalid("no known layout", where).got("keys " + json.propertyNames())
                .expected("messages, prompt + completion, or instruction + output").exception();
    }

    private static Row alpaca(JsonNode json, String where) {
        List<Turn> turns = new ArrayList<>();
        if (json.has("system")) turns.add(new Turn(new Message("system", text(json, "system", where)), 0));
        String input = json.has("input") ? text(json, "input", where) : "";
        String instruction = text(json, "instruction", where);
        turns.add(new Turn(new Message("user", input.isEmpty() ? instruction : instruction + "\n" + input), 0));
        turns.add(new Turn(new Message("assistant", text(json, "output", where)), 1));
        return chat(turns, where);
    }

    private static Row chat(List<Turn> turns, String where) {
        for (Turn turn : turns) {
            if (turn.message().role().equals("assistant") && turn.message().content().isEmpty()) {
                throw invalid("an assistant message is empty", where).expected("text to learn").exception();
            }
        }
        if (turns.stream().anyMatch(turn -> turn.message().role().equals("assistant"))) return new Chat(turns);
        throw invalid("the conversation has no assistant message", where).exception();
    }

    private static List<Turn> messages(JsonNode list, String where) {
        if (!list.isArray() || list.isEmpty()) {
            throw invalid("messages are not a list with entries", where).got(list.getNodeType()).exception();
        }
        List<Turn> turns = new ArrayList<>();
        for (JsonNode entry : list) {
            String role = entry.path("role").asString("");
            if (!ROLES.contains(role)) {
                throw invalid("message %d has no known role".formatted(turns.size()), where).got(entry.get("role")).expected(ROLES).exception();
            }
            if (entry.has("tool_calls")) throw invalid("tool calls are not supported yet", where).exception();
            turns.add(new Turn(new Message(role, content(entry.get("content"), turns.size(), where)), weight(entry, role, where)));
        }
        return turns;
    }

    /// A text, or a list of text parts.
    private static String content(JsonNode content, int index, String where) {
        if (content != null && content.isString()) return content.stringValue();
        StringBuilder joined = new StringBuilder();
        if (content != null && content.isArray() && !content.isEmpty()) {
            for (JsonNode part : content) {
                if (!part.path("type").asString("").equals("text") || !part.path("text").isString()) {
                    throw invalid("message %d holds a part that is not text".formatted(index), where).got(part.path("type")).exception();
                }
                joined.append(part.get("text").stringValue());
            }
            return joined.toString();
        }
        throw invalid("message %d has no text content".formatted(index), where)
                .got(content == null ? "nothing" : content.getNodeType()).exception();
    }

    private static float weight(JsonNode entry, String role, String where) {
        float standard = role.equals("assistant") ? 1 : 0;
        JsonNode train = entry.get("train"), weight = entry.get("weight");
        if (weight != null && !weight.isNull()) {
            if (!weight.isNumber() || !(weight.floatValue() >= 0) || weight.floatValue() > 1000) {
                throw invalid("weight is not a number from 0 to 1000", where).got(weight).exception();
            }
            return train != null && train.isBoolean() && !train.booleanValue() ? 0 : weight.floatValue();
        }
        if (train == null || train.isNull()) return standard;
        if (!train.isBoolean()) throw invalid("train is not true or false", where).got(train).exception();
        return train.booleanValue() ? 1 : 0;
    }

    private static String text(JsonNode json, String key, String where) {
        JsonNode value = json.get(key);
        if (value.isString()) return value.stringValue();
        throw invalid(key + " is not a text", where).got(value.getNodeType()).exception();
    }

    private static Fault invalid(String what, String where) {
        return Fault.of(TrainingFault.ROW_INVALID, "%s", what).where(where).next("correct the row, or skip bad rows");
    }
}
