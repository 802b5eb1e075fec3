// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionNamedToolChoice;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionToolChoiceOption;
import dev.stoa.generate.LoadConfig;
import dev.stoa.serve.expert.PoolExperts;
import dev.stoa.serve.http.ApiKeys;
import dev.stoa.serve.pipeline.Limits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `tool_choice` over the real engine: a model of random weights that would never call a tool by itself must. The official
/// client reads what it says.
class ToolChoiceTest {
    @TempDir
    static Path folder;

    private static BaseModel base;
    private static Server server;
    private static OpenAIClient client;

    @BeforeAll
    static void start() throws IOException {
        Path model = TinyDirectory.write(folder.resolve("tiny"));
        Files.writeString(model.resolve("config.json"), Files.readString(model.resolve("config.json")).replace("\"max_position_embeddings\":256", "\"max_position_embeddings\":2048"));
        Files.writeString(model.resolve("chat_template.jinja"), """
                {% if tools %}{% for tool in tools %}{{ tool.function.name }} {% endfor %}{% endif %}{% for m in messages %}{{ m.content }}<end>{% endfor %}\
                {% if enable_thinking %}<think>{% endif %}""");
        base = BaseModel.open(LoadConfig.of(model).withKernels("auto", 1), null);
        Server.Config config = new Server.Config("127.0.0.1", 0, ApiKeys.NONE, List.of(folder.toRealPath()), Limits.DEFAULT, List::of);
        server = Server.start(base.backend(new PoolExperts(base.engine().adapters()), null, null), config);
        client = OpenAIOkHttpClient.builder().baseUrl(server.url() + "/v1").apiKey("unused").maxRetries(0).build();
    }

    @AfterAll
    static void stop() {
        client.close();
        server.close();
        base.close();
        assertThat(base.engine().ledger().activeBytes()).isZero();
    }

    private static FunctionDefinition function(String name) {
        return FunctionDefinition.builder().name(name).parameters(FunctionParameters.builder().putAdditionalProperty("type", JsonValue.from("object"))
                .putAdditionalProperty("required", JsonValue.from(List.of("city", "days")))
                .putAdditionalProperty("properties", JsonValue.from(Map.of("city", Map.of("type", "string", "enum", List.of("Zürich", "Oslo")),
                        "days", Map.of("type", "integer")))).build()).build();
    }

    private static ChatCompletionCreateParams.Builder ask(long seed) {
        return ChatCompletionCreateParams.builder().model("tiny").addUserMessage("the answer").putAdditionalBodyProperty("seed", JsonValue.from(seed)).temperature(1.5).maxCompletionTokens(400)
                .addFunctionTool(function("weather")).addFunctionTool(function("traffic")).parallelToolCalls(false);
    }

    private static final ChatCompletionToolChoiceOption REQUIRED = ChatCompletionToolChoiceOption.ofAuto(ChatCompletionToolChoiceOption.Auto.REQUIRED);

    private static void check(String arguments) {
        JsonNode read = JsonMapper.shared().readTree(arguments);
        assertThat(read.get("city").asString()).isIn("Zürich", "Oslo");
        assertThat(read.get("days").isIntegralNumber()).isTrue();
        assertThat(read.size()).isEqualTo(2);
    }

    @Test
    void requiredIsACallOfSomeTool() {
        List<String> names = new ArrayList<>();
        for (int seed = 0; seed < 12; seed++) {
            ChatCompletion answer = client.chat().completions().create(ask(seed).toolChoice(REQUIRED).build());
            answer.validate();
            assertThat(answer.choices().getFirst().finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
            List<ChatCompletionMessageFunctionToolCall> calls = answer.choices().getFirst().message().toolCalls().orElseThrow().stream().map(call -> call.asFunction()).toList();
            assertThat(calls).hasSize(1);
            check(calls.getFirst().function().arguments());
            names.add(calls.getFirst().function().name());
            assertThat(answer.usage().orElseThrow().completionTokens()).isBetween(20L, 400L);
        }
        assertThat(names).contains("weather", "traffic").doesNotContain("other");
        // The control: without the form the same model calls nothing.
        assertThat(client.chat().completions().create(ask(1).build()).choices().getFirst().message().toolCalls()).isEmpty();
    }

    @Test
    void aNamedFunctionIsCalledAndStreams() {
        var named = ChatCompletionToolChoiceOption.ofNamedToolChoice(ChatCompletionNamedToolChoice.builder()
                .function(ChatCompletionNamedToolChoice.Function.builder().name("traffic").build()).build());
        for (int seed = 0; seed < 4; seed++) {
            StringBuilder name = new StringBuilder();
            StringBuilder arguments = new StringBuilder();
            List<String> reasons = new ArrayList<>();
            long[] tokens = new long[1];
            var params = ask(seed).toolChoice(named).streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build()).build();
            try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(params)) {
                stream.stream().forEach(chunk -> {
                    chunk.validate();
                    chunk.usage().ifPresent(usage -> tokens[0] = usage.completionTokens());
                    chunk.choices().forEach(choice -> {
                        choice.finishReason().ifPresent(reason -> reasons.add(reason.toString()));
                        choice.delta().toolCalls().ifPresent(calls -> calls.forEach(call -> {
                            call.function().orElseThrow().name().ifPresent(name::append);
                            call.function().orElseThrow().arguments().ifPresent(arguments::append);
                        }));
                    });
                });
            }
            assertThat(name.toString()).isEqualTo("traffic");
            check(arguments.toString());
            assertThat(reasons).containsExactly("tool_calls");
            assertThat(tokens[0]).isGreaterThan(20);
        }
    }

    @Test
    void whatIsNotThereCannotBeChosen() {
        var other = ChatCompletionToolChoiceOption.ofNamedToolChoice(ChatCompletionNamedToolChoice.builder()
                .function(ChatCompletionNamedToolChoice.Function.builder().name("other").build()).build());
        assertThatThrownBy(() -> client.chat().completions().create(ask(1).toolChoice(other).build())).isInstanceOf(BadRequestException.class)
                .hasMessageContaining("weather");
        FunctionDefinition strict = FunctionDefinition.builder().name("s").strict(true).parameters(FunctionParameters.builder()
                .putAdditionalProperty("type", JsonValue.from("object"))
                .putAdditionalProperty("properties", JsonValue.from(Map.of("a", Map.of("type", "string", "pattern", "x+")))).build()).build();
        assertThatThrownBy(() -> client.chat().completions().create(ask(1).addFunctionTool(strict).toolChoice(REQUIRED).build()))
                .isInstanceOf(BadRequestException.class).hasMessageContaining("cannot be enforced");
        assertThat(base.engine().stats().running()).isZero();
    }
}
