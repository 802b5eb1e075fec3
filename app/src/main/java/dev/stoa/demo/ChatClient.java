// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Asks a running server through its OpenAI API, as any client would.
final class ChatClient implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private final JsonMapper json = JsonMapper.builder().build();
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI endpoint;

    /// `experts` are the adapter hashes that answered, `names` their names.
    record Answer(int status, String text, List<String> names, List<String> experts, String reason) {}

    ChatClient(String url) {
        this.endpoint = URI.create(url + "/v1/chat/completions");
    }

    /// One greedy answer; `model` as in the API.
    Answer ask(String model, String prompt) throws IOException, InterruptedException {
        ObjectNode body = json.createObjectNode().put("model", model).put("temperature", 0).put("max_tokens", 48);
        body.putArray("messages").addObject().put("role", "user").put("content", prompt);
        body.putObject("x_stoa").put("explain", true);
        HttpRequest request = HttpRequest.newBuilder(endpoint).timeout(TIMEOUT).header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json.writeValueAsString(body))).build();
        HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
        JsonNode root = json.readTree(response.body());
        List<String> names = new ArrayList<>(), hashes = new ArrayList<>();
        for (JsonNode expert : root.path("x_stoa").path("experts")) {
            names.add(expert.path("id").asString(""));
            hashes.add(expert.path("adapter_hash").asString(""));
        }
        String text = response.statusCode() == 200 ? root.path("choices").path(0).path("message").path("content").asString("") : response.body();
        return new Answer(response.statusCode(), text, names, hashes, root.path("x_stoa").path("route").path("reason").asString(""));
    }

    @Override
    public void close() {
        http.close();
    }
}
