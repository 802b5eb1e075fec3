// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.generate.GenerateRequest;
import dev.stoa.serve.http.ApiKeys;
import dev.stoa.serve.pipeline.Backend;
import dev.stoa.serve.pipeline.Limits;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.template.dialect.Dialect;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A real server on a free port over a scripted generator, and a client for it.
final class TestServer implements AutoCloseable {
    static final int CONTEXT = 400;
    final ScriptedGenerator generator;
    final FakeExperts experts = new FakeExperts().with("python", "sql");
    final FakeRouter router = new FakeRouter("sql", "python");
    final FakeMemory memory = new FakeMemory();
    final Server server;
    private final HttpClient client = HttpClient.newHttpClient();

    TestServer(Function<GenerateRequest, String> script) {
        this(script, ApiKeys.NONE, List.of(), true, Limits.DEFAULT);
    }

    TestServer(Function<GenerateRequest, String> script, ApiKeys keys, List<Path> roots, boolean routed, Limits limits) {
        generator = new ScriptedGenerator(CONTEXT, script);
        ByteTokenizer tokenizer = new ByteTokenizer();
        Backend.Model model = new Backend.Model("tiny", "model-hash", CONTEXT, Backend.Defaults.PLAIN, "scripted", Dialect.NONE);
        Backend backend = new Backend(
                model, generator, tokenizer, (messages, tools, arguments) -> new Backend.Prompt(tokenizer.encode(render(messages), false), null),
                experts, routed ? router : null, memory);
        server = Server.start(backend, new Server.Config("127.0.0.1", 0, keys, roots, limits, List::of));
    }

    /// A server whose model has this template and writes this dialect.
    TestServer(Function<GenerateRequest, String> script, Dialect dialect, String template) {
        generator = new ScriptedGenerator(2000, script);
        ByteTokenizer tokenizer = new ByteTokenizer();
        Backend.Model model = new Backend.Model("tiny", "model-hash", 2000, Backend.Defaults.PLAIN, "scripted", dialect);
        ChatPrompts prompts = new ChatPrompts(ChatTemplate.parse(template), tokenizer, Map.of("eos_token", "<end>"), dialect);
        server = Server.start(new Backend(model, generator, tokenizer, prompts, experts, null, memory),
                new Server.Config("127.0.0.1", 0, ApiKeys.NONE, List.of(), Limits.DEFAULT, List::of));
    }

    static String render(List<Message> messages) {
        StringBuilder text = new StringBuilder();
        for (Message message : messages) text.append(message.role()).append(": ").append(message.content()).append('\n');
        return text.append("assistant: ").toString();
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(server.url() + path));
    }

    HttpResponse<String> send(HttpRequest request) throws IOException, InterruptedException {
        return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return send(request(path).header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build());
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send(request(path).GET().build());
    }

    HttpResponse<String> chat(String fields) throws IOException, InterruptedException {
        return post("/v1/chat/completions", "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]" + fields + "}");
    }

    static JsonNode json(HttpResponse<String> response) {
        return JsonMapper.shared().readTree(response.body());
    }

    /// The JSON of each data frame; `[DONE]` as a string node.
    static List<JsonNode> frames(String stream) {
        List<JsonNode> frames = new ArrayList<>();
        for (String frame : stream.split("\n\n")) {
            if (!frame.startsWith("data: ")) continue;
            String data = frame.substring(6);
            frames.add(JsonMapper.shared().readTree(data.equals("[DONE]") ? "\"[DONE]\"" : data));
        }
        return frames;
    }

    @Override
    public void close() {
        server.close();
        generator.close();
    }
}
