// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import static dev.stoa.serve.TestServer.frames;
import static dev.stoa.serve.TestServer.json;
import static org.assertj.core.api.Assertions.assertThat;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import dev.stoa.template.dialect.Dialect;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// Reasoning and tool calls through the HTTP API, over a generator that says what a script tells it.
class ToolCallTest {
    private static final String TEMPLATE = """
            {%- if tools %}<|im_start|>system
            Tools: {% for tool in tools %}{{ tool | tojson }}{% endfor %}<|im_end|>
            {% endif %}{%- for m in messages %}<|im_start|>{{ m.role }}
            {{ m.content }}{% for call in m.tool_calls or [] %}<tool_call>{{ call.function.name }} {{ call.function.arguments | tojson }}</tool_call>{% endfor %}<|im_end|>
            {% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
            {% if enable_thinking %}<think>
            {% endif %}{% endif %}""";
    private static final String TOOLS = """
            ,"tools":[{"type":"function","function":{"name":"weather","description":"<end> of days","parameters":{"type":"object",
            "properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}]""";
    private static final String CALL = "<think>Where?</think>Let me look.<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Zürich\", \"days\": 2}}\n</tool_call>";
    private static final String TWO = CALL + "<tool_call>{\"name\":\"weather\",\"arguments\":{}}</tool_call>";

    private static JsonNode choice(HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return json(response).get("choices").get(0);
    }

    private static TestServer hermes(String answer) {
        return new TestServer(request -> answer, Dialect.HERMES, TEMPLATE);
    }

    /// Kills the mutants that leave tools out of the prompt, show reasoning, or end with `stop`.
    @Test
    void aCallIsTakenOutOfTheAnswerAndTheToolsAreInThePrompt() throws Exception {
        try (TestServer server = hermes(CALL)) {
            HttpResponse<String> response = server.chat(TOOLS);
            JsonNode choice = choice(response);
            assertThat(server.generator.promptText(0)).startsWith("<|im_start|>system\nTools: {\"type\": \"function\"").contains("\"city\"")
                    .endsWith("<|im_start|>assistant\n");
            assertThat(choice.get("finish_reason").asString()).isEqualTo("tool_calls");
            JsonNode message = choice.get("message");
            assertThat(message.get("content").asString()).isEqualTo("Let me look.");
            assertThat(message.has("reasoning_content")).isFalse();
            assertThat(message.has("tool_parse_error")).isFalse();
            JsonNode call = message.get("tool_calls").get(0);
            assertThat(message.get("tool_calls")).hasSize(1);
            assertThat(call.get("id").asString()).matches("call_[A-Za-z0-9]{24}");
            assertThat(call.get("type").asString()).isEqualTo("function");
            assertThat(call.get("function").get("name").asString()).isEqualTo("weather");
            assertThat(call.get("function").get("arguments").asString()).isEqualTo("{\"city\":\"Zürich\",\"days\":2}");
            JsonNode usage = json(response).get("usage");
            assertThat(usage.get("completion_tokens").asInt()).isEqualTo(CALL.length());
            assertThat(usage.get("completion_tokens_details").get("reasoning_tokens").asInt()).isEqualTo(CALL.indexOf("Let") - "<think>".length() + 1);
        }
    }

    @Test
    void aStreamSaysTheSameInOrder() throws Exception {
        try (TestServer server = hermes(TWO)) {
            List<JsonNode> frames = frames(server.chat(TOOLS + ",\"stream\":true").body());
            StringBuilder content = new StringBuilder();
            StringBuilder[] arguments = {new StringBuilder(), new StringBuilder()};
            String[] ids = new String[2];
            String finish = null;
            for (JsonNode frame : frames.subList(0, frames.size() - 1)) {
                JsonNode delta = frame.get("choices").get(0).get("delta");
                content.append(delta.path("content").asString(""));
                assertThat(delta.has("reasoning_content")).isFalse();
                for (JsonNode call : delta.path("tool_calls")) {
                    int index = call.get("index").asInt();
                    if (ids[index] == null) {
                        ids[index] = call.get("id").asString();
                        assertThat(call.get("type").asString()).isEqualTo("function");
                        assertThat(call.get("function").get("name").asString()).isEqualTo("weather");
                        assertThat(call.get("function").get("arguments").asString()).isEmpty();
                    } else {
                        assertThat(call.has("id")).isFalse();
                    }
                    arguments[index].append(call.get("function").get("arguments").asString());
                }
                if (!frame.get("choices").get(0).get("finish_reason").isNull()) finish = frame.get("choices").get(0).get("finish_reason").asString();
            }
            assertThat(frames.getLast().asString()).isEqualTo("[DONE]");
            assertThat(content.toString()).isEqualTo("Let me look.");
            assertThat(arguments[0].toString()).isEqualTo("{\"city\":\"Zürich\",\"days\":2}");
            assertThat(arguments[1].toString()).isEqualTo("{}");
            assertThat(ids[0]).isNotEqualTo(ids[1]).startsWith("call_");
            assertThat(finish).isEqualTo("tool_calls");
        }
    }

    @Test
    void oneCallAtATimeWhenParallelCallsAreOff() throws Exception {
        try (TestServer server = hermes(TWO)) {
            assertThat(choice(server.chat(TOOLS)).get("message").get("tool_calls")).hasSize(2);
            assertThat(choice(server.chat(TOOLS + ",\"parallel_tool_calls\":false")).get("message").get("tool_calls")).hasSize(1);
        }
    }

    /// Nothing is lost: what cannot be read is text, with the reason beside it.
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "Hm. <tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": </tool_call> | {\"name\": \"weather\", \"arguments\": {\"city\":",
        "Hm. <tool_call>{\"name\": \"weather\" | {\"name\": \"weather\"",
        "Hm. <tool_call>{\"arguments\": {}}</tool_call> | {\"arguments\": {}}"
    })
    void malformedCallsAreContentWithTheReason(String answer, String shown) throws Exception {
        try (TestServer server = hermes(answer)) {
            JsonNode choice = choice(server.chat(TOOLS));
            assertThat(choice.get("finish_reason").asString()).isEqualTo("stop");
            assertThat(choice.get("message").has("tool_calls")).isFalse();
            assertThat(choice.get("message").get("content").asString()).startsWith("Hm. ").contains(shown).doesNotContain("<tool_call>");
            assertThat(choice.get("message").get("tool_parse_error").asString()).isNotBlank();
            StringBuilder content = new StringBuilder();
            String error = null;
            List<JsonNode> frames = frames(server.chat(TOOLS + ",\"stream\":true").body());
            for (JsonNode frame : frames.subList(0, frames.size() - 1)) {
                JsonNode delta = frame.get("choices").get(0).get("delta");
                content.append(delta.path("content").asString(""));
                if (delta.has("tool_parse_error")) error = delta.get("tool_parse_error").asString();
            }
            assertThat(content.toString()).isEqualTo(choice.get("message").get("content").asString());
            assertThat(error).isEqualTo(choice.get("message").get("tool_parse_error").asString());
        }
    }

    @Test
    void withoutToolsWhatLooksLikeACallIsText() throws Exception {
        try (TestServer server = hermes(CALL)) {
            for (String fields : new String[] {"", TOOLS + ",\"tool_choice\":\"none\""}) {
                JsonNode choice = choice(server.chat(fields));
                assertThat(choice.get("message").get("content").asString()).startsWith("Let me look.<tool_call>").endsWith("</tool_call>");
                assertThat(choice.get("finish_reason").asString()).isEqualTo("stop");
            }
            assertThat(server.generator.promptText(1)).doesNotContain("weather");
        }
    }

    @Test
    void reasoningIsHiddenCapturedOrShown() throws Exception {
        String answer = "<think>One.\n</think>\nTwo.";
        try (TestServer server = hermes(answer)) {
            assertThat(choice(server.chat("")).get("message").get("content").asString()).isEqualTo("\nTwo.");
            JsonNode captured = choice(server.chat(",\"x_stoa\":{\"thinking\":\"capture\"}")).get("message");
            assertThat(captured.get("content").asString()).isEqualTo("\nTwo.");
            assertThat(captured.get("reasoning_content").asString()).isEqualTo("One.\n");
            assertThat(choice(server.chat(",\"x_stoa\":{\"thinking\":\"show\"}")).get("message").get("content").asString()).isEqualTo(answer);
            StringBuilder thought = new StringBuilder();
            List<JsonNode> frames = frames(server.chat(",\"stream\":true,\"x_stoa\":{\"thinking\":\"capture\"}").body());
            for (JsonNode frame : frames.subList(0, frames.size() - 1)) {
                thought.append(frame.get("choices").get(0).get("delta").path("reasoning_content").asString(""));
            }
            assertThat(thought.toString()).isEqualTo("One.\n");
            JsonNode logprobs = choice(server.chat(",\"logprobs\":true")).get("logprobs").get("content");
            StringBuilder visible = new StringBuilder();
            logprobs.forEach(entry -> visible.append(entry.get("token").asString()));
            assertThat(visible.toString()).as("hidden tokens have no log-probabilities to show").endsWith("\nTwo.").doesNotContain("One");
        }
    }

    /// A prompt that ends inside `<think>`: the answer begins as reasoning. Kills the mutant that starts outside.
    @Test
    void anOpenBlockInThePromptIsContinued() throws Exception {
        try (TestServer server = hermes("deep</think>done")) {
            String open = ",\"chat_template_kwargs\":{\"enable_thinking\":true}";
            assertThat(choice(server.chat(open)).get("message").get("content").asString()).isEqualTo("done");
            assertThat(server.generator.promptText(0)).endsWith("<think>\n");
            assertThat(choice(server.chat("")).get("message").get("content").asString()).as("a stray close is no text").isEqualTo("deepdone");
            assertThat(json(server.chat(open + ",\"max_tokens\":3,\"x_stoa\":{}")).get("x_stoa").get("thinking_truncated").asBoolean()).isTrue();
            assertThat(json(server.chat(open + ",\"x_stoa\":{}")).get("x_stoa").has("thinking_truncated")).isFalse();
            assertThat(server.chat(",\"chat_template_kwargs\":{\"messages\":[]}").statusCode()).isEqualTo(400);
        }
    }

    /// Markers that are special tokens must reach the reader as text; kills the mutant that asks the engine for none.
    @Test
    void theEngineIsAskedToShowTheDialectsSpecialTokens() throws Exception {
        Dialect odd = new Dialect("odd", List.of(), List.of(), Dialect.HERMES.syntax(), List.of("<end>", "<|im_start|>"), List.of(), false);
        try (TestServer server = new TestServer(request -> "a<end>b", odd, TEMPLATE); TestServer plain = hermes("x")) {
            assertThat(choice(server.chat("")).get("message").get("content").asString()).as("and none is visible").isEqualTo("ab");
            assertThat(server.generator.seen.getFirst().config().shown()).containsExactly(ByteTokenizer.END);
            plain.chat("");
            assertThat(plain.generator.seen.getFirst().config().shown()).isEmpty();
        }
    }

    @Test
    void callsAndResultsOfEarlierTurnsAreRendered() throws Exception {
        String conversation = "{\"model\":\"tiny\"" + TOOLS + ",\"messages\":[{\"role\":\"user\",\"content\":\"Rain?\"},{\"role\":\"assistant\",\"content\":null,"
                + "\"tool_calls\":[{\"id\":\"%s\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":%s}}]},"
                + "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"dry<end>\"}]}";
        try (TestServer server = hermes("No.")) {
            HttpResponse<String> response = server.post("/v1/chat/completions", conversation.formatted("c1", "\"{\\\"city\\\": \\\"Bern\\\"}\""));
            assertThat(choice(response).get("message").get("content").asString()).isEqualTo("No.");
            assertThat(server.generator.promptText(0)).contains("<tool_call>weather {\"city\": \"Bern\"}</tool_call>").contains("<|im_start|>tool\ndry<end><|im_end|>");
            assertThat(server.post("/v1/chat/completions", conversation.formatted("c2", "\"{}\"")).body()).contains("answers no earlier call").contains("c2");
            assertThat(server.post("/v1/chat/completions", conversation.formatted("c1", "\"[1]\"")).body()).contains("messages[1].tool_calls[0].function.arguments");
            assertThat(server.generator.seen).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}] | out_of_range | tools[0].function.name",
        ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":5}}] | invalid_type | tools[0].function.parameters",
        ",\"tools\":[{\"type\":\"search\"}] | unsupported_parameter | tools[0]",
        ",\"tools\":5 | invalid_type | tools",
        ",\"tool_choice\":\"required\" | out_of_range | tool_choice",
        ",\"tool_choice\":\"sometimes\" | unsupported_parameter | tool_choice",
        ",\"x_stoa\":{\"thinking\":\"loud\"} | out_of_range | x_stoa.thinking"
    })
    void whatCannotBeDoneIsRefused(String fields, String code, String where) throws Exception {
        try (TestServer server = hermes("x")) {
            HttpResponse<String> response = server.chat(fields);
            assertThat(response.statusCode()).as(response.body()).isEqualTo(400);
            assertThat(json(response).get("error").get("code").asString()).isEqualTo(code);
            assertThat(json(response).get("error").get("param").asString()).isEqualTo(where);
        }
    }

    @Test
    void aTemplateWithoutToolsRefusesThem() throws Exception {
        try (TestServer server = new TestServer(request -> "x", Dialect.HERMES, "{% for m in messages %}{{ m.content }}{% endfor %}")) {
            assertThat(server.chat(TOOLS).statusCode()).isEqualTo(400);
            assertThat(server.chat(TOOLS).body()).contains("no place for tools");
            assertThat(server.chat("").statusCode()).isEqualTo(200);
        }
    }

    @Test
    void theOfficialClientReadsCallsAndSendsResults() {
        try (TestServer server = new TestServer(request -> request.prompt().length > 900 ? "Two days of sun." : CALL, Dialect.HERMES, TEMPLATE)) {
            OpenAIClient client = OpenAIOkHttpClient.builder().baseUrl(server.server.url() + "/v1").apiKey("unused").maxRetries(0).build();
            FunctionDefinition weather = FunctionDefinition.builder().name("weather").parameters(FunctionParameters.builder()
                    .putAdditionalProperty("type", JsonValue.from("object"))
                    .putAdditionalProperty("properties", JsonValue.from(Map.of("city", Map.of("type", "string")))).build()).build();
            ChatCompletionCreateParams.Builder ask = ChatCompletionCreateParams.builder().model("tiny").addUserMessage("Weather in Zürich? " + "Please. ".repeat(40))
                    .addFunctionTool(weather);
            ChatCompletion first = client.chat().completions().create(ask.build());
            first.validate();
            assertThat(first.choices().getFirst().finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
            ChatCompletionMessageFunctionToolCall call = first.choices().getFirst().message().toolCalls().orElseThrow().getFirst().asFunction();
            assertThat(call.function().name()).isEqualTo("weather");
            assertThat(call.function().arguments()).contains("Zürich");
            ask.addMessage(first.choices().getFirst().message()).addMessage(ChatCompletionToolMessageParam.builder().toolCallId(call.id())
                    .content("sunny, ".repeat(50)).build());
            ChatCompletion second = client.chat().completions().create(ask.build());
            assertThat(second.choices().getFirst().message().content()).hasValue("Two days of sun.");
            client.close();
        }
    }
}
