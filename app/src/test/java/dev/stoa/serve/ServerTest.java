// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.serve.http.ApiKeys;
import dev.stoa.serve.http.Route;
import dev.stoa.serve.pipeline.Limits;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// The server around the answers: keys, hosts, adapters, metrics, clients that leave, many at once, shutting down.
class ServerTest {
    private static final String KEY = "0123456789abcdef-secret";

    @TempDir
    Path folder;

    private ApiKeys keys() throws Exception {
        Path file = folder.resolve("keys");
        Files.writeString(file, "# mine\n" + KEY + "\n");
        return ApiKeys.read(file);
    }

    @Test
    void everyRouteButTheOpenOnesNeedsAKey() throws Exception {
        try (TestServer server = new TestServer(request -> "x", keys(), List.of(), true, Limits.DEFAULT)) {
            List<String> open = new ArrayList<>();
            for (Route route : server.server.routes().routes()) {
                String path = route.pattern().replace("{file}", "app.js").replaceAll("\\{[a-z]+\\}", "sql");
                HttpRequest.Builder request = server.request(path).method(route.method(), HttpRequest.BodyPublishers.ofString("{}"));
                HttpResponse<String> without = server.send(request.build());
                HttpResponse<String> wrong = server.send(request.copy().header("Authorization", "Bearer " + KEY + "x").build());
                HttpResponse<String> right = server.send(request.copy().header("Authorization", "Bearer " + KEY).build());
                HttpResponse<String> wrongMethod = server.send(server.request(path).method("PATCH", HttpRequest.BodyPublishers.noBody()).build());
                assertThat(right.statusCode()).as(route.toString()).isNotIn(401, 403, 405);
                assertThat(wrongMethod.statusCode()).as(route.toString()).isEqualTo(405);
                if (route.access() == Route.Access.OPEN) {
                    open.add(route.pattern());
                    assertThat(without.statusCode()).as(route.toString()).isLessThan(500).isNotEqualTo(401);
                } else {
                    assertThat(without.statusCode()).as(route.toString()).isEqualTo(401);
                    assertThat(TestServer.json(without).get("error").get("code").asString()).isEqualTo("missing_api_key");
                    assertThat(TestServer.json(wrong).get("error").get("code").asString()).isEqualTo("invalid_api_key");
                }
            }
            assertThat(open).containsExactlyInAnyOrder("/health", "/health/live", "/health/ready", "/", "/app.css", "/icon.svg", "/js/{file}");
            HttpRequest header = server.request("/v1/models").header("x-api-key", KEY).GET().build();
            assertThat(server.send(header).statusCode()).isEqualTo(200);
        }
    }

    @Test
    void aPublicAddressWithoutKeysIsRefusedAndShortKeysAre() throws Exception {
        assertThatThrownBy(() -> Server.start(null, new Server.Config("0.0.0.0", 0, ApiKeys.NONE, List.of(), Limits.DEFAULT, List::of)))
                .isInstanceOf(FaultException.class).hasMessageContaining("needs API keys");
        Path file = folder.resolve("short");
        Files.writeString(file, "abc\n");
        assertThatThrownBy(() -> ApiKeys.read(file)).isInstanceOf(FaultException.class).hasMessageContaining("line 1");
    }

    @Test
    void aNameThatPointsHereIsRefused() throws Exception {
        try (TestServer server = new TestServer(request -> "x")) {
            assertThat(raw(server, "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")).startsWith("HTTP/1.1 403").contains("host_not_allowed");
            assertThat(raw(server, "GET /v1/models HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n")).startsWith("HTTP/1.1 200");
            String post = "POST /v1/route HTTP/1.1\r\nHost: localhost\r\nOrigin: %s\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{\"query\":\"x\"}";
            assertThat(raw(server, post.formatted("https://evil.example"))).startsWith("HTTP/1.1 403");
            assertThat(raw(server, post.formatted("http://localhost:3000"))).startsWith("HTTP/1.1 200");
        }
    }

    private static String raw(TestServer server, String text) throws Exception {
        try (Socket socket = new Socket("127.0.0.1", server.server.port())) {
            socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void modelsRouteHealthAndMetrics() throws Exception {
        try (TestServer server = new TestServer(request -> "hello")) {
            JsonNode models = TestServer.json(server.get("/v1/models"));
            List<String> ids = new ArrayList<>();
            for (JsonNode model : models.get("data")) ids.add(model.get("id").asString());
            assertThat(ids).containsExactly("tiny", "stoa", "stoa-expert-python", "stoa-expert-sql");
            assertThat(TestServer.json(server.get("/v1/models/stoa-expert-sql")).get("x_stoa").get("kind").asString()).isEqualTo("expert");

            JsonNode route = TestServer.json(server.post("/v1/route", "{\"query\":\"an sql join\",\"explain\":true}"));
            assertThat(route.get("active").get(0).get("expert").asString()).isEqualTo("sql");
            assertThat(route.get("fallback").asBoolean()).isFalse();
            JsonNode byMessages = TestServer.json(server.post("/v1/route", "{\"messages\":[{\"role\":\"user\",\"content\":\"python\"}]}"));
            assertThat(byMessages.get("active").get(0).get("expert").asString()).isEqualTo("python");

            server.chat("");
            JsonNode health = TestServer.json(server.get("/health"));
            assertThat(health.get("status").asString()).isEqualTo("ok");
            assertThat(health.get("model").asString()).isEqualTo("tiny");
            assertThat(server.get("/health/live").statusCode()).isEqualTo(200);
            assertThat(server.get("/health/ready").statusCode()).isEqualTo(200);
            HttpResponse<String> metrics = server.get("/metrics");
            assertThat(metrics.headers().firstValue("content-type").orElse("")).startsWith("text/plain");
            assertThat(metrics.body()).contains("stoa_chats_total{outcome=\"ok\"} 1.0", "stoa_tokens_total{kind=\"completion\"} 5.0",
                    "stoa_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1.0", "stoa_running 0.0", "stoa_build_info{kernel=\"scripted\"");
        }
    }

    @Test
    void adaptersAreLoadedFromAllowedRootsSwappedAndTakenAway() throws Exception {
        Path root = Files.createDirectory(folder.resolve("root"));
        Files.createDirectory(root.resolve("good"));
        Files.createDirectory(root.resolve("bad"));
        Files.createSymbolicLink(root.resolve("link"), Files.createDirectory(folder.resolve("outside")));
        try (TestServer server = new TestServer(request -> "x", ApiKeys.NONE, List.of(root.toRealPath()), true, Limits.DEFAULT)) {
            String load = "{\"name\":\"%s\",\"version\":\"%s\",\"source\":\"%s\"}";
            HttpResponse<String> created = server.post("/v1/adapters", load.formatted("rust", "1", root.resolve("good")));
            assertThat(created.statusCode()).isEqualTo(201);
            assertThat(TestServer.json(created).get("adapter_hash").asString()).isEqualTo("hash-rust-1");
            assertThat(server.post("/v1/adapters", load.formatted("rust", "1", root.resolve("good"))).statusCode()).isEqualTo(200);
            assertThat(server.post("/v1/adapters", load.formatted("rust", "2", root.resolve("good"))).statusCode()).isEqualTo(201);
            assertThat(TestServer.json(server.get("/v1/adapters/rust")).get("version").asString()).isEqualTo("2");
            assertThat(TestServer.json(server.get("/v1/adapters")).get("data")).hasSize(3);

            HttpResponse<String> bad = server.post("/v1/adapters", load.formatted("rust", "3", root.resolve("bad")));
            assertThat(bad.statusCode()).isEqualTo(422);
            assertThat(TestServer.json(bad).get("error").get("issues")).hasSize(1);
            assertThat(TestServer.json(server.get("/v1/adapters/rust")).get("version").asString()).as("nothing changed").isEqualTo("2");
            for (String outside : List.of(folder.toString(), "/nonexistent", root.resolve("link").toString(), root + "/../outside")) {
                HttpResponse<String> refused = server.post("/v1/adapters", load.formatted("rust", "1", outside));
                assertThat(refused.statusCode()).as(outside).isEqualTo(403);
            }
            assertThat(server.post("/v1/adapters", load.formatted("Bad Name", "1", root.resolve("good"))).statusCode()).isEqualTo(400);

            assertThat(server.send(server.request("/v1/adapters/rust").DELETE().build()).statusCode()).isEqualTo(200);
            assertThat(server.get("/v1/adapters/rust").statusCode()).isEqualTo(404);
            assertThat(server.send(server.request("/v1/adapters/rust").DELETE().build()).statusCode()).isEqualTo(404);
        }
    }

    @Test
    void aClientThatLeavesStopsTheGeneration() throws Exception {
        Limits quick = new Limits(1000, 1000, 60_000, 50, 10_000);
        try (TestServer server = new TestServer(request -> "x".repeat(300), ApiKeys.NONE, List.of(), true, quick)) {
            server.generator.stepMs = 20;
            String body = "{\"model\":\"sql\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
            HttpClient client = HttpClient.newHttpClient();
            HttpRequest request = server.request("/v1/chat/completions").POST(HttpRequest.BodyPublishers.ofString(body)).build();
            InputStream stream = client.send(request, HttpResponse.BodyHandlers.ofInputStream()).body();
            assertThat(stream.read()).isPositive();
            assertThat(server.experts.held).hasValue(1);
            stream.close();
            client.shutdownNow();
            long end = System.nanoTime() + 3_000_000_000L;
            while (server.generator.running.get() > 0 && System.nanoTime() < end) Thread.sleep(10);
            assertThat(server.generator.cancelled).hasValue(1);
            assertThat(server.generator.running).hasValue(0);
            while (server.experts.held.get() > 0 && System.nanoTime() < end) Thread.sleep(10);
            assertThat(server.experts.held).hasValue(0);
            while (server.get("/metrics").body().contains("stoa_running 1.0") && System.nanoTime() < end) Thread.sleep(10);
            assertThat(server.get("/metrics").body()).contains("stoa_chats_total{outcome=\"cancelled\"} 1.0");
        }
    }

    @Test
    void aHundredStreamsAtOnceEndCleanly() throws Exception {
        try (TestServer server = new TestServer(request -> "answer " + request.prompt().length);
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            server.generator.stepMs = 1;
            List<Future<String>> answers = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                String question = "q".repeat(i + 1);
                Callable<String> call = () -> {
                    StringBuilder text = new StringBuilder();
                    String body = "{\"model\":\"sql\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"" + question + "\"}]}";
                    HttpResponse<String> response = server.post("/v1/chat/completions", body);
                    for (JsonNode frame : TestServer.frames(response.body())) {
                        for (JsonNode choice : frame.path("choices")) text.append(choice.get("delta").path("content").asString(""));
                    }
                    return response.body().endsWith("data: [DONE]\n\n") ? text.toString() : "no end";
                };
                answers.add(threads.submit(call));
            }
            int extra = TestServer.render(List.of(new dev.stoa.template.Message("user", ""))).length();
            for (int i = 0; i < 100; i++) assertThat(answers.get(i).get()).isEqualTo("answer " + (i + 1 + extra));
            assertThat(server.experts.held).hasValue(0);
            assertThat(server.generator.running).hasValue(0);
        }
    }

    @Test
    void closingFinishesWhatRuns() throws Exception {
        TestServer server = new TestServer(request -> "slow but complete");
        server.generator.stepMs = 20;
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<HttpResponse<String>> answer = threads.submit(() -> server.chat(""));
            while (server.generator.running.get() == 0) Thread.sleep(5);
            server.close();
            assertThat(TestServer.json(answer.get()).get("choices").get(0).get("message").get("content").asString()).isEqualTo("slow but complete");
        }
    }

    @Test
    void aPortInUseIsSaid() {
        try (TestServer server = new TestServer(request -> "x")) {
            int taken = server.server.port();
            assertThatThrownBy(() -> new dev.stoa.serve.http.HelidonTransport("127.0.0.1", taken, null))
                    .isInstanceOf(FaultException.class).hasMessageContaining("port_in_use").hasMessageContaining("--port");
        }
    }
}
