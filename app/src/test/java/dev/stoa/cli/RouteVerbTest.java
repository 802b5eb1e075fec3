// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A router from labeled texts to routed answers, over a model with random weights: its hidden states tell words apart.
class RouteVerbTest {
    private static final String[] FLOWERS = {"rose", "tulip", "daisy", "violet", "orchid"};
    private static final String[] METALS = {"zinc", "iron", "copper", "nickel", "gold"};
    private static final String[] OTHER = {"hm", "well", "maybe", "soup", "later"};
    @TempDir
    static Path folder;

    private static Path base;
    private static String data;

    @BeforeAll
    static void write() throws IOException {
        base = TinyDirectory.write(folder.resolve("tiny"));
        TinyDirectory.adapter(base, folder.resolve("flowers"), 1);
        SplittableRandom random = new SplittableRandom(3);
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 450; i++) {
            String labels = i % 3 == 2 ? "" : i % 3 == 0 ? "\"flowers\"" : "\"metals\"";
            String[] words = i % 3 == 2 ? OTHER : i % 3 == 0 ? FLOWERS : METALS;
            rows.append("{\"text\":\"%s %s %s %d\",\"labels\":[%s]}\n".formatted(words[random.nextInt(5)], words[random.nextInt(5)],
                    words[random.nextInt(5)], i, labels));
        }
        data = Files.writeString(folder.resolve("texts.jsonl"), rows).toString();
    }

    private static JsonNode fit(Path out, String... more) {
        List<String> args = new ArrayList<>(List.of("route", "--fit", data, "--out", out.toString(), "--json"));
        args.addAll(List.of(more));
        Shell.Result fitted = new Shell().run(args.toArray(String[]::new));
        assertThat(fitted.exit()).as(fitted.out() + fitted.err()).isZero();
        return JsonMapper.shared().readTree(fitted.out()).get("data");
    }

    @Test
    void fitsBothHeadsAndRoutesWithTheBasesOwnFeatures() throws Exception {
        Path router = folder.resolve("router");
        JsonNode facts = fit(router, "--base", base.toString(), "--threads", "1");
        assertThat(facts.get("reports").size()).isEqualTo(2);
        assertThat(facts.get("reports").get(0).get("features").asString()).startsWith("prefill:");
        assertThat(facts.get("reports").get(1).get("features").asString()).startsWith("hashed:");
        JsonNode test = facts.get("reports").get(0).get("test");
        assertThat(test.get("n").asInt()).isBetween(15, 60);
        assertThat(test.get("top1").asDouble()).isGreaterThan(0.9);

        String[] ask = {"route", "--router", router.toString(), "--base", base.toString(), "--threads", "1", "rose tulip violet"};
        Shell.Result routed = new Shell().run(ask);
        assertThat(routed.exit()).as(routed.err()).isZero();
        assertThat(routed.out()).startsWith("flowers (");
        Shell.Result alone = new Shell().run("route", "--router", router.toString(), "rose tulip violet");
        assertThat(alone.exit()).isEqualTo(1);
        assertThat(alone.err()).contains("error[router_feature_mismatch]").contains("add --base DIR");

        try (Served served = new Served("serve", base.toString(), "--expert", folder.resolve("flowers").toString(), "--router", router.toString())) {
            JsonNode flowers = served.trace("rose tulip violet");
            assertThat(flowers.get("experts").toString()).contains("flowers");
            assertThat(flowers.toString()).contains("prefill");
            assertThat(served.trace("iron zinc gold").get("experts").toString()).as("no expert of that name is mounted").doesNotContain("metals");
        }
    }

    /// Another base's hidden states are other features: nothing may be routed by them, and everything else is served.
    @Test
    void servesWithoutRoutingWhenTheBaseIsAnother() throws Exception {
        Path router = folder.resolve("router-of-another");
        fit(router, "--base", base.toString(), "--threads", "1");
        Path other = TinyDirectory.write(folder.resolve("other"));
        byte[] weights = Files.readAllBytes(other.resolve("model.safetensors"));
        weights[weights.length - 1] ^= 1;
        Files.write(other.resolve("model.safetensors"), weights);
        try (Served served = new Served("serve", other.toString(), "--router", router.toString())) {
            assertThat(served.get("/health")).contains("routing is off").contains("other features");
            assertThat(served.trace("rose tulip violet").get("experts").size()).isZero();
        }
    }

    @Test
    void fitsHashedFeaturesWithoutABaseAndTheSameTwice() throws IOException {
        JsonNode first = fit(folder.resolve("hashed"));
        assertThat(first.get("reports").size()).isEqualTo(1);
        assertThat(first.get("reports").get(0).get("features").asString()).startsWith("hashed:");
        assertThat(fit(folder.resolve("hashed")).get("version").asInt()).isEqualTo(first.get("version").asInt() + 1);
        Path versions = folder.resolve("hashed");
        assertThat(Files.readAllBytes(versions.resolve("2").resolve("head.safetensors")))
                .isEqualTo(Files.readAllBytes(versions.resolve("1").resolve("head.safetensors")));
        assertThat(new Shell().run("route", "--router", versions.toString(), "iron copper").out()).startsWith("metals (");
    }

    @Test
    void saysWhatIsWrongWithRowsAndOptions() throws IOException {
        String bad = Files.writeString(folder.resolve("bad.jsonl"), """
                {"text":"a","labels":"sql"}
                {"text":"a","labels":["sql"],"split":"training"}
                {"labels":[]}
                """).toString();
        Shell.Result rows = new Shell().run("route", "--fit", bad, "--out", folder.resolve("never").toString());
        assertThat(rows.exit()).isEqualTo(1);
        assertThat(rows.err()).contains("bad.jsonl:1").contains("labels are not a list").contains("bad.jsonl:2").contains("bad.jsonl:3");
        String few = Files.writeString(folder.resolve("few.jsonl"), "{\"text\":\"a\",\"labels\":[\"sql\"]}\n").toString();
        assertThat(new Shell().run("route", "--fit", few, "--out", folder.resolve("never").toString()).err()).contains("calibration rows");
        assertThat(folder.resolve("never")).doesNotExist();
        assertThat(new Shell().run("route", "--fit", few).err()).contains("--fit needs --out");
        assertThat(new Shell().run("route", "x").exit()).isEqualTo(2);
    }

    /// `stoa serve` in a process of its own.
    private static final class Served implements AutoCloseable {
        private final Process process;
        private final String url;

        Served(String... verb) throws IOException {
            List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m",
                    "--add-modules", "jdk.incubator.vector", "-cp", System.getProperty("java.class.path"), Main.class.getName()));
            command.addAll(List.of(verb));
            command.addAll(List.of("--port", "0", "--threads", "1", "--json"));
            ProcessBuilder builder = new ProcessBuilder(command).redirectError(folder.resolve("serve.log").toFile());
            builder.environment().put("STOA_HOME", folder.resolve("home").toString());
            process = builder.start();
            String ready = process.inputReader().readLine();
            if (ready == null) throw new IOException("the server did not start, exit " + process.onExit().join().exitValue() + ": " + Files.readString(folder.resolve("serve.log")));
            url = JsonMapper.shared().readTree(ready).get("url").asString();
        }

        String get(String path) throws IOException, InterruptedException {
            return send(HttpRequest.newBuilder(URI.create(url + path)).build());
        }

        /// Asks the routed model; what it says about the way the answer took.
        JsonNode trace(String question) throws IOException, InterruptedException {
            String body = send(HttpRequest.newBuilder(URI.create(url + "/v1/chat/completions")).POST(HttpRequest.BodyPublishers.ofString(
                    "{\"model\":\"stoa\",\"max_tokens\":4,\"messages\":[{\"role\":\"user\",\"content\":\"" + question + "\"}],\"x_stoa\":{\"explain\":true}}")).build());
            return JsonMapper.shared().readTree(body).get("x_stoa");
        }

        private static String send(HttpRequest request) throws IOException, InterruptedException {
            try (HttpClient client = HttpClient.newHttpClient()) {
                return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
            }
        }

        @Override
        public void close() {
            process.destroy();
            process.onExit().join();
        }
    }
}
