// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// What the server refuses, with which status, code and field; and that it goes on after each.
class RefusalTest {
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = new TestServer(request -> "fine");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static final String HI = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";

    static Stream<Arguments> bodies() {
        String tiny = "{\"model\":\"tiny\"," + HI;
        return Stream.of(
                Arguments.of("{\"model\":", 400, "invalid_json", null),
                Arguments.of("", 400, "invalid_json", null),
                Arguments.of("[1]", 400, "invalid_json", null),
                Arguments.of(tiny + ",\"seed\":1,\"seed\":2}", 400, "invalid_json", null),
                Arguments.of(tiny + "} trailing", 400, "invalid_json", null),
                Arguments.of(tiny + ",\"temperature\":NaN}", 400, "invalid_json", null),
                Arguments.of(tiny + ",\"x\":" + "[".repeat(70) + "]".repeat(70) + "}", 400, "invalid_json", null),
                Arguments.of("{" + HI + "}", 400, "missing_field", "model"),
                Arguments.of("{\"model\":\"tiny\"}", 400, "missing_field", "messages"),
                Arguments.of("{\"model\":5," + HI + "}", 400, "invalid_type", "model"),
                Arguments.of("{\"model\":\"tiny\",\"messages\":[]}", 400, "out_of_range", "messages"),
                Arguments.of("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\" \"}]}", 400, "empty_prompt", "messages"),
                Arguments.of("{\"model\":\"tiny\",\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}", 400, "out_of_range", "messages[0].role"),
                Arguments.of("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\"}]}", 400, "missing_field", "messages[0].content"),
                Arguments.of("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", 400,
                        "unsupported_content", "messages[0].content[0]"),
                Arguments.of(tiny + ",\"temperature\":3}", 400, "out_of_range", "temperature"),
                Arguments.of(tiny + ",\"top_p\":0}", 400, "out_of_range", "top_p"),
                Arguments.of(tiny + ",\"max_tokens\":0}", 400, "out_of_range", "max_tokens"),
                Arguments.of(tiny + ",\"max_tokens\":1,\"max_completion_tokens\":2}", 400, "out_of_range", "max_tokens"),
                Arguments.of(tiny + ",\"n\":9}", 400, "out_of_range", "n"),
                Arguments.of(tiny + ",\"n\":\"2\"}", 400, "invalid_type", "n"),
                Arguments.of(tiny + ",\"stop\":[\"\"]}", 400, "out_of_range", "stop"),
                Arguments.of(tiny + ",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", 400, "out_of_range", "stop"),
                Arguments.of(tiny + ",\"top_logprobs\":3}", 400, "out_of_range", "top_logprobs"),
                Arguments.of(tiny + ",\"tools\":[{\"type\":\"function\"}]}", 400, "unsupported_parameter", "tools[0]"),
                Arguments.of(tiny + ",\"response_format\":{\"type\":\"json_object\"}}", 400, "unsupported_parameter", "response_format"),
                Arguments.of(tiny + ",\"frequency_penalty\":0.5}", 400, "unsupported_parameter", "frequency_penalty"),
                Arguments.of(tiny + ",\"logit_bias\":{\"5\":1}}", 400, "unsupported_parameter", "logit_bias"),
                Arguments.of(tiny + ",\"x_stoa\":{\"rout\":\"off\"}}", 400, "unsupported_parameter", "x_stoa.rout"),
                Arguments.of(tiny + ",\"x_stoa\":{\"council\":\"force\"}}", 400, "unsupported_parameter", "x_stoa.council"),
                Arguments.of(tiny + ",\"x_stoa\":{\"experts\":[{\"id\":\"sql\"},{\"id\":\"sql\"}]}}", 400, "duplicate_expert", "x_stoa.experts"),
                Arguments.of(tiny + ",\"x_stoa\":{\"experts\":[{\"id\":\"sql\",\"weight\":0}]}}", 400, "invalid_weight", "x_stoa.experts"),
                Arguments.of(tiny + ",\"x_stoa\":{\"experts\":[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"},{\"id\":\"d\"},{\"id\":\"e\"}]}}", 400,
                        "too_many_experts", "x_stoa.experts"),
                Arguments.of(tiny + ",\"x_stoa\":{\"experts\":[{\"id\":\"gone\"}]}}", 404, "adapter_not_installed", "x_stoa.experts"),
                Arguments.of("{\"model\":\"tinny\"," + HI + "}", 404, "model_not_found", "model"),
                Arguments.of("{\"model\":\"stoa-expert-sqll\"," + HI + "}", 404, "model_not_found", "model"),
                Arguments.of("{\"model\":\"sql*x\"," + HI + "}", 400, "invalid_model_expression", "model"),
                Arguments.of("{\"model\":\"sql+\"," + HI + "}", 400, "invalid_model_expression", "model"),
                Arguments.of("{\"model\":\"sql*9\"," + HI + "}", 400, "invalid_weight", "model"),
                Arguments.of("{\"model\":\"sql+sql\"," + HI + "}", 400, "duplicate_expert", "model"),
                Arguments.of("{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"" + "x".repeat(500) + "\"}]}", 400,
                        "context_length_exceeded", null));
    }

    @ParameterizedTest
    @MethodSource("bodies")
    void refused(String body, int status, String code, String param) throws Exception {
        HttpResponse<String> response = server.post("/v1/chat/completions", body);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        JsonNode error = TestServer.json(response).get("error");
        assertThat(error.get("code").asString()).isEqualTo(code);
        if (param != null) assertThat(error.get("param").asString()).isEqualTo(param);
        assertThat(error.get("message").asString()).isNotBlank();
        assertThat(error.get("type").asString()).isEqualTo(status == 404 ? "not_found_error" : "invalid_request_error");
        assertThat(error.get("request_id").asString()).startsWith("req_");
        assertThat(server.chat("").statusCode()).isEqualTo(200);
        assertThat(server.experts.held).hasValue(0);
    }

    @Test
    void severalProblemsAreToldTogether() throws Exception {
        JsonNode error = TestServer.json(server.chat(",\"temperature\":9,\"top_p\":-1,\"n\":0")).get("error");
        assertThat(error.get("issues")).hasSize(3);
    }

    @Test
    void anUnknownModelNamesTheNearestOnes() throws Exception {
        JsonNode error = TestServer.json(server.post("/v1/chat/completions", "{\"model\":\"pythn\"," + HI + "}")).get("error");
        assertThat(error.get("message").asString()).contains("one of python");
    }

    @Test
    void tooLargeABodyIsRefusedBeforeItIsRead() throws Exception {
        HttpResponse<String> response = server.post("/v1/chat/completions", "{\"model\":\"" + "x".repeat(11 << 20) + "\"}");
        assertThat(response.statusCode()).isEqualTo(413);
        assertThat(TestServer.json(response).get("error").get("code").asString()).isEqualTo("request_too_large");
        assertThat(server.chat("").statusCode()).isEqualTo(200);
    }

    @Test
    void routesMethodsAndModelsThatAreNotThere() throws Exception {
        assertThat(server.get("/v1/nothing").statusCode()).isEqualTo(404);
        assertThat(server.get("/v1/chat/completions").statusCode()).isEqualTo(405);
        assertThat(server.get("/v1/models/nope").statusCode()).isEqualTo(404);
        assertThat(server.get("/js/..%2fapp.css").statusCode()).isEqualTo(404);
        assertThat(TestServer.json(server.get("/v1/requests/none/trace")).get("error").get("code").asString()).isEqualTo("not_found");
        for (String body : List.of("{}", "{\"query\":\" \"}")) {
            assertThat(TestServer.json(server.post("/v1/route", body)).get("error").get("code").asString()).isEqualTo("empty_query");
        }
        assertThat(TestServer.json(server.post("/v1/route", "{\"query\":\"x\",\"top_k\":5}")).get("error").get("code").asString()).isEqualTo("invalid_top_k");
        assertThat(TestServer.json(server.post("/v1/route", "{\"query\":\"x\",\"threshold\":2}")).get("error").get("code").asString()).isEqualTo("invalid_threshold");
    }
}
