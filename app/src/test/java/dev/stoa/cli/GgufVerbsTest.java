// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.generate.LoadConfig;
import dev.stoa.serve.BaseModel;
import dev.stoa.serve.Server;
import dev.stoa.serve.TinyDirectory;
import dev.stoa.serve.expert.PoolExperts;
import dev.stoa.serve.http.ApiKeys;
import dev.stoa.serve.pipeline.Limits;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Every verb that opens a model opens a GGUF file and an MLX directory, and experts follow their base into its copies.
class GgufVerbsTest {
    @TempDir
    static Path folder;

    private static String directory;
    private static String file;
    private static String adapter;

    @BeforeAll
    static void write() throws IOException {
        Path model = TinyDirectory.write(folder.resolve("tiny"));
        directory = model.toString();
        file = TinyDirectory.gguf(model, folder.resolve("tiny-f32.gguf")).toString();
        adapter = TinyDirectory.adapter(Path.of(file), folder.resolve("one"), 1).toString();
    }

    private static String run(String model, String... more) {
        String[] args = java.util.Arrays.copyOf(new String[] {"run", model, "the answer", "--temperature", "0", "--max-tokens", "12"}, 7 + more.length);
        System.arraycopy(more, 0, args, 7, more.length);
        Shell.Result result = new Shell().run(args);
        assertThat(result.exit()).as(result.err()).isZero();
        return result.out();
    }

    private static Shell.Result shell(String... args) {
        Shell.Result result = new Shell().run(args);
        assertThat(result.exit()).as(result.err()).isZero();
        return result;
    }

    @Test
    void runAndChatAnswerAsWithTheDirectory() {
        assertThat(run(file)).isEqualTo(run(directory)).isNotBlank();
        Shell.Result chat = new Shell().input("the answer\n").run("chat", file, "--temperature", "0", "--max-tokens", "12");
        assertThat(chat.exit()).as(chat.err()).isZero();
        assertThat(chat.out()).contains(run(file).strip());
    }

    @Test
    void expertsOfEveryDialectMountAndFollowTheBaseIntoItsCopies() throws IOException {
        String q8 = folder.resolve("tiny-q8.gguf").toString();
        shell("quantize", file, q8, "--scheme", "q8_0");
        String lora = folder.resolve("one.gguf").toString();
        shell("convert", adapter, lora, "--base", file, "--to", "gguf");
        String mlx = folder.resolve("one-mlx").toString();
        shell("convert", adapter, mlx, "--base", file, "--to", "mlx");
        String adapted = run(file, "--expert", adapter);
        assertThat(adapted).isNotEqualTo(run(file));
        assertThat(run(file, "--expert", lora)).isEqualTo(adapted);
        assertThat(run(file, "--expert", mlx)).isEqualTo(adapted);
        assertThat(run(q8, "--expert", adapter)).isEqualTo(run(q8, "--expert", lora));
        JsonNode named = JsonMapper.shared().readTree(run(file, "--json", "--expert", lora)).get("data").get("experts").get(0);
        assertThat(named.get("name").asString()).isEqualTo("one");
        Shell.Result refused = new Shell().run("run", directory, "x", "--expert", adapter);
        assertThat(refused.err()).contains("error[adapter_incompatible]").contains("got").contains("expected").contains("next");
        assertThat(refused.exit()).isNotZero();
    }

    @Test
    void anExpertIsTrainedGatedAndPublishedOnTheFileThatServes() throws IOException {
        String q8 = folder.resolve("train-q8.gguf").toString();
        shell("quantize", file, q8, "--scheme", "q8_0");
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 40; i++) rows.append("{\"prompt\":\"the text ").append(i % 4).append("\",\"completion\":\"it is the end\"}\n");
        String data = Files.writeString(folder.resolve("rows.jsonl"), rows).toString();
        String out = folder.resolve("trained").toString();
        shell("expert", "train", "--base", q8, "--data", data, "--out", out, "--steps", "10", "--lr", "0.01", "--threads", "1");
        JsonNode losses = JsonMapper.shared().readTree(shell("expert", "eval", "--base", q8, "--expert", out, "--data", data, "--json").out()).get("data");
        assertThat(losses.get("expert_loss").asDouble()).isLessThan(losses.get("base_loss").asDouble());
        String library = folder.resolve("library").toString();
        assertThat(shell("expert", "publish", "mine", "--library", library, "--base", q8, "--expert", out).out()).contains("published mine@1.0.0");
        shell("expert", "publish", "older", "--library", library, "--base", q8, "--expert", healthy());
        assertThat(shell("bench", q8, "--runs", "1", "--tokens", "4", "--prompt-tokens", "4").out()).contains("tok");
    }

    /// An expert trained on the float file, published on its quantized copy.
    private static String healthy() throws IOException {
        String out = folder.resolve("on-floats").toString();
        shell("expert", "train", "--base", file, "--data", folder.resolve("rows.jsonl").toString(), "--out", out, "--steps", "4", "--lr", "0.01", "--threads", "1");
        return out;
    }

    @Test
    void servesTheFileUnderItsNameWithItsDefaults() throws Exception {
        try (BaseModel base = BaseModel.open(LoadConfig.of(Path.of(file)).withKernels("auto", 1), null)) {
            assertThat(base.facts().id()).isEqualTo("tiny-f32");
            assertThat(base.facts().defaults().temperature()).isEqualTo(0.5);
            PoolExperts experts = new PoolExperts(base.engine().adapters());
            experts.load("one", "", Path.of(adapter), "test");
            Server.Config config = new Server.Config("127.0.0.1", 0, ApiKeys.NONE, List.of(folder.toRealPath()), Limits.DEFAULT, List::of);
            try (Server server = Server.start(base.backend(experts, null, null), config); HttpClient client = HttpClient.newHttpClient()) {
                String body = "{\"model\":\"%s\",\"temperature\":0,\"max_tokens\":12,\"messages\":[{\"role\":\"user\",\"content\":\"the answer\"}]}";
                for (String model : new String[] {"tiny-f32", "one"}) {
                    HttpResponse<String> response = client.send(HttpRequest.newBuilder(URI.create(server.url() + "/v1/chat/completions"))
                            .POST(HttpRequest.BodyPublishers.ofString(body.formatted(model))).build(), HttpResponse.BodyHandlers.ofString());
                    String text = JsonMapper.shared().readTree(response.body()).get("choices").get(0).get("message").get("content").asString();
                    assertThat(text.strip()).isEqualTo(model.equals("one") ? run(file, "--expert", adapter).strip() : run(file).strip());
                }
            }
        }
    }

    @Test
    void anMlxDirectoryRuns() {
        String mlx = folder.resolve("mlx").toString();
        shell("quantize", directory, mlx, "--scheme", "affine8/32");
        assertThat(run(mlx)).isNotBlank();
    }
}
