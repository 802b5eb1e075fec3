// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.chat;

import dev.stoa.generate.Event;
import dev.stoa.serve.pipeline.Answer;
import dev.stoa.serve.pipeline.Pipeline;
import dev.stoa.template.dialect.Output;
import dev.stoa.template.dialect.ToolDelta;
import dev.stoa.token.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The JSON shapes of chat completions: the whole object, and the chunks of a stream. One per answer.
final class ChatWire {
    private final String id;
    private final long created;
    private final String model;
    private final String fingerprint;
    private final Tokenizer tokenizer;

    ChatWire(String id, long createdSeconds, String model, String fingerprint, Tokenizer tokenizer) {
        this.id = id;
        this.created = createdSeconds;
        this.model = model;
        this.fingerprint = fingerprint;
        this.tokenizer = tokenizer;
    }

    private Map<String, Object> envelope(String object) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("id", id);
        body.put("object", object);
        body.put("created", created);
        body.put("model", model);
        body.put("system_fingerprint", fingerprint);
        return body;
    }

    /// A whole completion. `stoa` may be null.
    Map<String, Object> completion(List<Answer> answers, boolean logprobs, Map<String, Object> stoa) {
        List<Map<String, Object>> choices = new ArrayList<>();
        for (int index = 0; index < answers.size(); index++) {
            Answer answer = answers.get(index);
            Map<String, Object> message = new LinkedHashMap<>();
            message.put("role", "assistant");
            List<Answer.Call> calls = answer.parts().calls();
            message.put("content", answer.text().isEmpty() && !calls.isEmpty() ? null : answer.text());
            message.put("refusal", null);
            if (!answer.parts().reasoning().isEmpty()) message.put("reasoning_content", answer.parts().reasoning());
            if (!calls.isEmpty()) message.put("tool_calls", calls.stream().map(ChatWire::call).toList());
            if (answer.parts().parseError() != null) message.put("tool_parse_error", answer.parts().parseError());
            Map<String, Object> choice = new LinkedHashMap<>();
            choice.put("index", index);
            choice.put("message", message);
            choice.put("logprobs", logprobs ? logprobs(answer.tokens()) : null);
            choice.put("finish_reason", answer.reason());
            choices.add(choice);
        }
        Map<String, Object> body = envelope("chat.completion");
        body.put("choices", choices);
        body.put("usage", usage(answers));
        if (stoa != null) body.put("x_stoa", stoa);
        return body;
    }

    private static Map<String, Object> call(Answer.Call call) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("id", call.id());
        body.put("type", "function");
        body.put("function", function(call.name(), call.arguments()));
        return body;
    }

    private static Map<String, Object> function(String name, String arguments) {
        Map<String, Object> function = new LinkedHashMap<>();
        if (name != null) function.put("name", name);
        function.put("arguments", arguments);
        return function;
    }

    /// The delta of one piece of an answer.
    static Map<String, Object> delta(Output piece) {
        return switch (piece) {
            case Output.Text text -> Map.of("content", text.raw());
            case Output.Reasoning reasoning -> Map.of("reasoning_content", reasoning.raw());
            case Output.ToolParseError error -> Map.of("tool_parse_error", error.why());
            case Output.Tool(String ignored, ToolDelta delta) -> {
                Map<String, Object> call = new LinkedHashMap<>();
                call.put("index", delta.index());
                if (delta.id() != null) {
                    call.put("id", delta.id());
                    call.put("type", "function");
                }
                call.put("function", function(delta.name(), delta.argumentsFragment()));
                yield Map.of("tool_calls", List.of(call));
            }
            case Output.Marker marker -> throw new IllegalArgumentException("a marker is not shown: " + marker.raw());
        };
    }

    /// A chunk with one choice. `usage: null` appears on every chunk of a stream that ends with the usage.
    Map<String, Object> chunk(int index, Map<String, Object> delta, List<Event.Token> tokens, String finish, boolean usageLater) {
        Map<String, Object> choice = new LinkedHashMap<>();
        choice.put("index", index);
        choice.put("delta", delta);
        choice.put("logprobs", tokens == null ? null : logprobs(tokens));
        choice.put("finish_reason", finish);
        Map<String, Object> body = envelope("chat.completion.chunk");
        body.put("choices", List.of(choice));
        if (usageLater) body.put("usage", null);
        return body;
    }

    /// The last chunk of a stream with usage: no choices.
    Map<String, Object> usageChunk(List<Answer> answers) {
        Map<String, Object> body = envelope("chat.completion.chunk");
        body.put("choices", List.of());
        body.put("usage", usage(answers));
        return body;
    }

    private static Map<String, Object> usage(List<Answer> answers) {
        Event.Usage usage = Pipeline.sum(answers);
        Map<String, Object> counts = new LinkedHashMap<>();
        counts.put("prompt_tokens", usage.promptTokens());
        counts.put("completion_tokens", usage.completionTokens());
        counts.put("total_tokens", usage.promptTokens() + usage.completionTokens());
        counts.put("prompt_tokens_details", Map.of("cached_tokens", usage.cachedTokens()));
        counts.put("completion_tokens_details", Map.of("reasoning_tokens", answers.stream().mapToInt(answer -> answer.parts().reasoningTokens()).sum()));
        return counts;
    }

    private Map<String, Object> logprobs(List<Event.Token> tokens) {
        List<Map<String, Object>> content = new ArrayList<>();
        for (Event.Token token : tokens) {
            if (token.logprob() == null) continue;
            Map<String, Object> entry = entry(token.id(), token.logprob().logprob());
            List<Map<String, Object>> top = new ArrayList<>();
            for (var alternative : token.logprob().top()) top.add(entry(alternative.id(), alternative.logprob()));
            entry.put("top_logprobs", top);
            content.add(entry);
        }
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("content", content);
        all.put("refusal", null);
        return all;
    }

    private Map<String, Object> entry(int token, double logprob) {
        byte[] bytes = tokenizer.bytes(token);
        List<Integer> values = new ArrayList<>();
        for (byte one : bytes) values.add(one & 0xFF);
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("token", new String(bytes, StandardCharsets.UTF_8));
        entry.put("logprob", logprob);
        entry.put("bytes", values);
        return entry;
    }
}
