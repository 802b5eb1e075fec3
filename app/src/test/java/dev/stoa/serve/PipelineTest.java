// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.generate.Compose;
import dev.stoa.serve.http.ApiKeys;
import dev.stoa.serve.pipeline.Limits;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/// Which experts answer, what is remembered, and what happens when a stage breaks.
class PipelineTest {
    private final TestServer server = new TestServer(
            request -> "ok", ApiKeys.NONE, List.of(), true, new Limits(300, 300, 60_000, 200, 512));

    @AfterEach
    void close() {
        assertThat(server.experts.held).as("experts are released").hasValue(0);
        server.close();
    }

    private HttpResponse<String> ask(String model, String question, String stoa) throws Exception {
        return server.post("/v1/chat/completions", "{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"" + question
                + "\"}],\"x_stoa\":" + stoa + "}");
    }

    private static List<String> values(JsonNode array, String field) {
        List<String> all = new ArrayList<>();
        for (JsonNode one : array) all.add(one.get(field).asString());
        return all;
    }

    private List<String> mounted(int index) {
        return server.generator.seen.get(index).experts().members().stream()
                .map(member -> member.adapter().hash() + " " + member.weight()).toList();
    }

    @Test
    void theBasesIdMountsNothing() throws Exception {
        JsonNode stoa = TestServer.json(ask("tiny", "an sql question", "{\"explain\":true}")).get("x_stoa");
        assertThat(mounted(0)).isEmpty();
        assertThat(values(stoa.get("stages"), "id")).containsExactly("route", "mount", "recall", "generate", "remember");
        assertThat(values(stoa.get("stages"), "status")).containsExactly("skipped", "skipped", "skipped", "ok", "skipped");
        assertThat(stoa.get("experts")).isEmpty();
        assertThat(stoa.get("route").isNull()).isTrue();
    }

    @Test
    void thePipelineRoutesTwoExpertsAndCombinesThemAsMeasured() throws Exception {
        HttpResponse<String> response = ask("stoa", "sql and python", "{\"explain\":true}");
        JsonNode stoa = TestServer.json(response).get("x_stoa");
        assertThat(mounted(0)).containsExactly("hash-python-1 1.0", "hash-sql-1 1.0");
        assertThat(server.generator.seen.getFirst().compose()).isEqualTo(Compose.SELECT);
        assertThat(values(stoa.get("experts"), "id")).containsExactly("sql", "python");
        assertThat(stoa.get("route").get("reason").asString()).isEqualTo("routed");
        assertThat(stoa.get("route").get("domains")).hasSize(2);
        assertThat(stoa.get("degraded")).isEmpty();
        assertThat(response.headers().firstValue("x-stoa-adapters")).hasValue("sql@1,python@1");
        String id = stoa.get("request_id").asString();
        JsonNode trace = TestServer.json(server.get("/v1/requests/" + id + "/trace"));
        assertThat(trace.get("stages")).hasSize(5);
        assertThat(trace.get("usage").get("completion_tokens").asInt()).isEqualTo(2);
        assertThat(trace.toString()).doesNotContain("sql and python");
    }

    @Test
    void nothingRelevantMeansTheBase() throws Exception {
        JsonNode stoa = TestServer.json(ask("stoa", "weather", "{\"explain\":true}")).get("x_stoa");
        assertThat(mounted(0)).isEmpty();
        assertThat(stoa.get("route").get("fallback").asBoolean()).isTrue();
        assertThat(stoa.get("route").get("reason").asString()).isEqualTo("no_label_over_threshold");
    }

    @Test
    void namedExpertsTurnRoutingOffAndWeightsAreRoundedTo64ths() throws Exception {
        ask("stoa-expert-python", "sql", "{}");
        assertThat(mounted(0)).containsExactly("hash-python-1 1.0");
        JsonNode stoa = TestServer.json(ask("sql*0.6+python*0.4", "x", "{\"explain\":true,\"compose\":\"sum\"}")).get("x_stoa");
        assertThat(mounted(1)).containsExactly("hash-python-1 0.40625", "hash-sql-1 0.59375");
        assertThat(stoa.get("experts").get(0).get("weight").asDouble()).isEqualTo(0.59375);
        assertThat(server.generator.seen.get(1).compose()).isEqualTo(Compose.SUM);
        assertThat(stoa.get("stages").get(0).get("reason").asString()).isEqualTo("forced");
        ask("tiny", "x", "{\"experts\":[{\"id\":\"sql\"},{\"id\":\"python\",\"weight\":0.5}]}");
        assertThat(mounted(2)).containsExactly("hash-python-1 0.5", "hash-sql-1 1.0");
        assertThat(server.generator.seen.get(2).compose()).as("two experts without a measurement").isEqualTo(Compose.LOGITS);
        ask("sql", "x", "{}");
        assertThat(mounted(3)).containsExactly("hash-sql-1 1.0");
    }

    @Test
    void routingCanBeTurnedOffAndOn() throws Exception {
        ask("stoa", "sql", "{\"route\":\"off\"}");
        assertThat(mounted(0)).isEmpty();
        ask("tiny", "sql", "{\"route\":\"auto\"}");
        assertThat(mounted(1)).containsExactly("hash-sql-1 1.0");
    }

    @Test
    void aBrokenRouterOnlyDegrades() throws Exception {
        server.router.broken = true;
        HttpResponse<String> response = ask("stoa", "sql", "{}");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(values2(TestServer.json(response).get("x_stoa").get("degraded"))).containsExactly("route");
        assertThat(response.headers().firstValue("x-stoa-degraded")).hasValue("route");
        assertThat(server.get("/metrics").body()).contains("stoa_stage_degraded_total{cause=\"IllegalStateException\",stage=\"route\"} 1.0");
    }

    @Test
    void aHungRouterIsCutAtItsBudget() throws Exception {
        server.router.sleepMs = 5_000;
        long start = System.nanoTime();
        JsonNode stoa = TestServer.json(ask("stoa", "sql", "{\"explain\":true}")).get("x_stoa");
        assertThat((System.nanoTime() - start) / 1_000_000).isLessThan(2_500);
        assertThat(stoa.get("stages").get(0).get("reason").asString()).isEqualTo("timeout");
        assertThat(stoa.get("stages").get(0).get("dur_us").asLong()).isBetween(290_000L, 1_500_000L);
        assertThat(mounted(0)).isEmpty();
    }

    @Test
    void anExpertThatTheRouterChoseAndThatIsGoneIsLeftOut() throws Exception {
        server.experts.unload("sql");
        JsonNode stoa = TestServer.json(ask("stoa", "sql and python", "{}")).get("x_stoa");
        assertThat(values2(stoa.get("degraded"))).containsExactly("mount");
        assertThat(mounted(0)).containsExactly("hash-python-1 1.0");
    }

    @Test
    void memoryIsWrittenForANamedPersonAndRecalledIntoThePrompt() throws Exception {
        ask("stoa", "my cat is Mia", "{\"memory\":{\"subject\":\"ann\"}}");
        assertThat(server.memory.said).extracting(one -> one.episode().text()).containsExactly("my cat is Mia", "ok");
        assertThat(server.memory.said.getFirst().tenant().subject()).isEqualTo("ann");
        ask("stoa", "what is my cat called", "{\"memory\":{\"subject\":\"ann\"}}");
        assertThat(server.generator.promptText(1)).contains("my cat is Mia").endsWith("assistant: ");
        assertThat(server.generator.promptText(1).indexOf("Mia")).isLessThan(server.generator.promptText(1).indexOf("what is my cat called"));
        ask("tiny", "what is my cat called", "{}");
        assertThat(server.generator.promptText(2)).as("the base's id recalls nothing").doesNotContain("Mia");
    }

    @Test
    void withoutANameNothingIsRemembered() throws Exception {
        ask("stoa", "a stranger speaks", "{}");
        assertThat(server.memory.said).isEmpty();
        ask("stoa", "a stranger speaks", "{\"memory\":{\"write\":true}}");
        assertThat(server.memory.said).hasSize(2);
    }

    @Test
    void aBrokenMemoryDegradesUnlessTheCallerInsists() throws Exception {
        server.memory.broken = true;
        JsonNode stoa = TestServer.json(ask("stoa", "x", "{\"memory\":{\"subject\":\"ann\"}}")).get("x_stoa");
        assertThat(values2(stoa.get("degraded"))).containsExactlyInAnyOrder("recall", "memory");
        HttpResponse<String> refused = ask("stoa", "x", "{\"memory\":{\"write\":true}}");
        assertThat(refused.statusCode()).isEqualTo(503);
        assertThat(TestServer.json(refused).get("error").get("code").asString()).isEqualTo("memory_unavailable");
    }

    @Test
    void onlyAFailedGenerationFailsTheRequest() throws Exception {
        server.generator.failAfter = 1;
        HttpResponse<String> buffered = ask("stoa", "sql", "{}");
        assertThat(buffered.statusCode()).isEqualTo(500);
        assertThat(TestServer.json(buffered).get("error").get("code").asString()).isEqualTo("non_finite_logits");
        String stream = server.chat(",\"stream\":true").body();
        List<JsonNode> frames = TestServer.frames(stream);
        assertThat(frames.getLast().get("error").get("code").asString()).isEqualTo("non_finite_logits");
        assertThat(stream).doesNotContain("[DONE]");
        server.generator.failAfter = -1;
        assertThat(server.chat("").statusCode()).isEqualTo(200);
    }

    @Test
    void aDeadlineEndsTheRequest() throws Exception {
        server.generator.stepMs = 80;
        HttpResponse<String> response = ask("tiny", "x", "{\"timeout_ms\":50}");
        assertThat(response.statusCode()).isEqualTo(504);
        assertThat(TestServer.json(response).get("error").get("code").asString()).isEqualTo("timeout");
    }

    @Test
    void aFullQueueIs429WithRetryAfter() throws Exception {
        server.generator.maxRunning = 0;
        HttpResponse<String> response = server.chat("");
        assertThat(response.statusCode()).isEqualTo(429);
        assertThat(Integer.parseInt(response.headers().firstValue("Retry-After").orElseThrow())).isBetween(1, 60);
        assertThat(TestServer.json(response).get("error").get("code").asString()).isEqualTo("queue_full");
    }

    private static List<String> values2(JsonNode array) {
        List<String> all = new ArrayList<>();
        for (JsonNode one : array) all.add(one.asString());
        return all;
    }
}
