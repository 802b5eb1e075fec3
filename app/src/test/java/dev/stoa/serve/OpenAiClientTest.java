// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.RateLimitException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The official Java client against a running server, unmodified.
class OpenAiClientTest {
    private final TestServer server = new TestServer(request -> "Grüße 🌍");
    private final OpenAIClient client = OpenAIOkHttpClient.builder()
            .baseUrl(server.server.url() + "/v1").apiKey("unused").maxRetries(0).build();

    @AfterEach
    void close() {
        client.close();
        server.close();
    }

    private static ChatCompletionCreateParams.Builder ask(String model) {
        return ChatCompletionCreateParams.builder().model(model).addUserMessage("Say hello");
    }

    @Test
    void chatsBuffered() {
        ChatCompletion completion = client.chat().completions().create(ask("tiny").temperature(0).build());
        assertThat(completion.choices().getFirst().message().content()).hasValue("Grüße 🌍");
        assertThat(completion.choices().getFirst().finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.STOP);
        assertThat(completion.usage().orElseThrow().completionTokens()).isEqualTo(7);
        completion.validate();
    }

    @Test
    void chatsStreamed() {
        StringBuilder text = new StringBuilder();
        long[] tokens = new long[1];
        var params = ask("stoa-expert-sql").streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build()).build();
        try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(params)) {
            stream.stream().forEach(chunk -> {
                chunk.validate();
                chunk.choices().forEach(choice -> choice.delta().content().ifPresent(text::append));
                chunk.usage().ifPresent(usage -> tokens[0] = usage.completionTokens());
            });
        }
        assertThat(text.toString()).isEqualTo("Grüße 🌍");
        assertThat(tokens[0]).isEqualTo(7);
    }

    @Test
    void listsModels() {
        assertThat(client.models().list().data()).extracting(model -> model.id()).contains("tiny", "stoa", "stoa-expert-sql");
        assertThat(client.models().retrieve("tiny").id()).isEqualTo("tiny");
    }

    @Test
    void errorsBecomeTheClientsOwn() {
        assertThatThrownBy(() -> client.chat().completions().create(ask("nothing").build()))
                .isInstanceOf(NotFoundException.class).hasMessageContaining("there is no model");
        assertThatThrownBy(() -> client.chat().completions().create(ask("tiny").frequencyPenalty(1.0).build()))
                .isInstanceOf(BadRequestException.class).hasMessageContaining("frequency_penalty");
        server.generator.maxRunning = 0;
        assertThatThrownBy(() -> client.chat().completions().create(ask("tiny").build())).isInstanceOf(RateLimitException.class);
    }
}
