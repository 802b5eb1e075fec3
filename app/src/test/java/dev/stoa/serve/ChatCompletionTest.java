// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/// The whole shape of an answer, buffered and streamed.
class ChatCompletionTest {
    private final TestServer server = new TestServer(request -> "Grüße 🌍!");

    @AfterEach
    void close() {
        server.close();
    }

    private static String masked(String json) {
        return json.replaceAll("chatcmpl-[0-9A-Za-z]{24}", "ID").replaceAll("\"created\":\\d+", "\"created\":0")
                .replaceAll("req_[0-9A-Za-z]{16}", "REQ").replaceAll("fp_[0-9a-f]{10}", "FP");
    }

    @Test
    void bufferedGolden() throws Exception {
        HttpResponse<String> response = server.chat("");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(masked(response.body())).isEqualTo(
                "{\"id\":\"ID\",\"object\":\"chat.completion\",\"created\":0,\"model\":\"tiny\",\"system_fingerprint\":\"FP\","
                        + "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Grüße 🌍!\",\"refusal\":null},"
                        + "\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                        + "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":8,\"total_tokens\":28,"
                        + "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}");
        assertThat(response.headers().firstValue("x-stoa-adapters")).hasValue("base");
        assertThat(response.headers().firstValue("openai-processing-ms")).isPresent();
        assertThat(response.headers().firstValue("x-request-id").orElse("")).matches("req_[0-9A-Za-z]{16}");
    }

    @Test
    void streamGolden() throws Exception {
        HttpResponse<String> response = server.chat(",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":2");
        assertThat(response.headers().firstValue("content-type").orElse("")).startsWith("text/event-stream");
        assertThat(response.headers().firstValue("cache-control")).hasValue("no-store");
        String head = "data: {\"id\":\"ID\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"tiny\",\"system_fingerprint\":\"FP\",";
        assertThat(masked(response.body())).isEqualTo(
                head + "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
                        + head + "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"G\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
                        + head + "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"r\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
                        + head + "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}],\"usage\":null}\n\n"
                        + head + "\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":2,\"total_tokens\":22,"
                        + "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n"
                        + "data: [DONE]\n\n");
    }

    @Test
    void withoutIncludeUsageNoChunkSpeaksOfUsage() throws Exception {
        String body = server.chat(",\"stream\":true").body();
        assertThat(body).doesNotContain("usage").endsWith("data: [DONE]\n\n");
        List<String> ids = new ArrayList<>();
        for (JsonNode frame : TestServer.frames(body)) {
            if (frame.isObject()) ids.add(frame.get("id").asString());
        }
        assertThat(ids.stream().distinct()).hasSize(1);
    }

    @Test
    void streamedTextEqualsBufferedText() throws Exception {
        for (String fields : List.of("", ",\"max_tokens\":3", ",\"stop\":[\"e 🌍\"]", ",\"n\":3")) {
            JsonNode buffered = TestServer.json(server.chat(fields));
            List<StringBuilder> texts = new ArrayList<>();
            List<String> reasons = new ArrayList<>();
            for (int i = 0; i < buffered.get("choices").size(); i++) {
                texts.add(new StringBuilder());
                reasons.add(null);
            }
            for (JsonNode frame : TestServer.frames(server.chat(fields + ",\"stream\":true").body())) {
                for (JsonNode choice : frame.path("choices")) {
                    int index = choice.get("index").asInt();
                    texts.get(index).append(choice.get("delta").path("content").asString(""));
                    if (!choice.get("finish_reason").isNull()) reasons.set(index, choice.get("finish_reason").asString());
                }
            }
            for (JsonNode choice : buffered.get("choices")) {
                int index = choice.get("index").asInt();
                assertThat(texts.get(index).toString()).isEqualTo(choice.get("message").get("content").asString());
                assertThat(reasons.get(index)).isEqualTo(choice.get("finish_reason").asString());
            }
        }
    }

    @Test
    void usageEqualsAnIndependentCount() throws Exception {
        JsonNode usage = TestServer.json(server.chat(",\"n\":2")).get("usage");
        assertThat(usage.get("prompt_tokens").asInt()).isEqualTo("user: Hi\nassistant: ".length());
        assertThat(usage.get("completion_tokens").asInt()).isEqualTo(2 * 8);
        assertThat(usage.get("total_tokens").asInt()).isEqualTo(20 + 16);
    }

    @Test
    void logprobsBufferedAndStreamed() throws Exception {
        String fields = ",\"logprobs\":true,\"top_logprobs\":1,\"max_tokens\":3";
        JsonNode content = TestServer.json(server.chat(fields)).get("choices").get(0).get("logprobs").get("content");
        assertThat(content).hasSize(3);
        assertThat(content.get(0).toString()).isEqualTo(
                "{\"token\":\"G\",\"logprob\":-0.25,\"bytes\":[71],\"top_logprobs\":[{\"token\":\"G\",\"logprob\":-0.25,\"bytes\":[71]}]}");
        int streamed = 0;
        for (JsonNode frame : TestServer.frames(server.chat(fields + ",\"stream\":true").body())) {
            for (JsonNode choice : frame.path("choices")) streamed += choice.path("logprobs").path("content").size();
        }
        assertThat(streamed).isEqualTo(3);
    }

    @Test
    void samplingReachesTheEngineAndChoicesHaveTheirOwnSeeds() throws Exception {
        server.chat(",\"n\":2,\"seed\":5,\"temperature\":0.3,\"top_p\":0.9,\"top_k\":7,\"min_p\":0.1,\"max_completion_tokens\":9,\"stop\":\"x\"");
        var first = server.generator.seen.get(0).config();
        var second = server.generator.seen.get(1).config();
        assertThat(first.seed()).isEqualTo(5L);
        assertThat(second.seed()).isNotEqualTo(5L);
        assertThat(List.of(first.temperature(), first.topP(), first.minP())).containsExactly(0.3, 0.9, 0.1);
        assertThat(List.of(first.topK(), first.maxTokens())).containsExactly(7, 9);
        assertThat(first.stop()).containsExactly("x");
        server.chat("");
        var plain = server.generator.seen.get(2).config();
        assertThat(plain.temperature()).isEqualTo(0.7);
        assertThat(plain.maxTokens()).as("capped by the context").isEqualTo(TestServer.CONTEXT - 20);
    }

    @Test
    void textPartsAndDeveloperMessages() throws Exception {
        server.post("/v1/chat/completions", """
                {"model":"tiny","messages":[{"role":"developer","content":"Be brief."},
                 {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}""");
        assertThat(server.generator.promptText(0)).isEqualTo("system: Be brief.\nuser: ab\nassistant: ");
    }

    @Test
    void unknownFieldsAreIgnoredAndNamed() throws Exception {
        HttpResponse<String> response = server.chat(",\"frobnicate\":1,\"bad\\r\\nheader\":2,\"store\":true,\"presence_penalty\":0,\"tools\":[]");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("x-stoa-ignored")).hasValue("frobnicate,bad??header");
    }

    @Test
    void theClientsRequestIdIsKeptWhenItIsPlain() throws Exception {
        var request = server.request("/v1/models").header("x-request-id", "my-id.1").GET().build();
        assertThat(server.send(request).headers().firstValue("x-request-id")).hasValue("my-id.1");
        var odd = server.request("/v1/models").header("x-request-id", "a b").GET().build();
        assertThat(server.send(odd).headers().firstValue("x-request-id").orElse("")).startsWith("req_");
    }
}
