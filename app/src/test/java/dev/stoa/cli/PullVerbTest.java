// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.stoa.format.Sha256;
import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `pull` to `rm` in this process, with a hub on this machine that serves a model all of whose files are large ones.
class PullVerbTest {
    private static final String COMMIT = "00112233445566778899aabbccddeeff00112233";
    @TempDir Path folder;
    private HttpServer hub;
    private String listing;

    @BeforeEach
    void open() throws IOException {
        Path model = TinyDirectory.write(folder.resolve("tiny"));
        StringBuilder files = new StringBuilder();
        try (var all = Files.list(model)) {
            for (Path file : all.toList()) {
                byte[] bytes = Files.readAllBytes(file);
                files.append(files.isEmpty() ? "" : ",").append("{\"rfilename\":\"%s\",\"size\":%d,\"lfs\":{\"size\":%d,\"sha256\":\"%s\"}}"
                        .formatted(file.getFileName(), bytes.length, bytes.length, Sha256.hex(bytes)));
            }
        }
        listing = "{\"sha\":\"" + COMMIT + "\",\"siblings\":[" + files + "]}";
        hub = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        hub.createContext("/", exchange -> {
            String path = exchange.getRequestURI().getPath();
            boolean info = path.equals("/api/models/org/tiny/revision/main");
            Path file = model.resolve(path.substring(path.lastIndexOf('/') + 1));
            byte[] body = info ? listing.getBytes(StandardCharsets.UTF_8) : Files.exists(file) ? Files.readAllBytes(file) : null;
            if (info) exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(body == null ? 404 : 200, body == null ? -1 : body.length);
            if (body != null) exchange.getResponseBody().write(body);
            exchange.close();
        });
        hub.start();
    }

    @AfterEach
    void close() {
        hub.stop(0);
    }

    private Shell.Result run(String... args) {
        return new Shell().env("HF_HUB_CACHE", folder.resolve("cache").toString()).env("HF_HOME", folder.resolve("hf").toString())
                .env("STOA_HUB_ENDPOINT", "http://127.0.0.1:" + hub.getAddress().getPort()).run(args);
    }

    private static JsonNode last(Shell.Result result) {
        List<String> lines = result.out().lines().toList();
        return JsonMapper.shared().readTree(lines.getLast());
    }

    @Test
    void aModelIsPulledShownRunVerifiedAndRemoved() throws IOException {
        Shell.Result plan = run("pull", "org/tiny", "--dry-run", "--json");
        assertThat(plan.exit()).as(plan.err() + plan.out()).isZero();
        assertThat(last(plan).get("data").get("missing_bytes").asLong()).isEqualTo(last(plan).get("data").get("bytes").asLong()).isPositive();
        assertThat(folder.resolve("cache")).doesNotExist();
        Shell.Result pulled = run("pull", "org/tiny");
        assertThat(pulled.exit()).as(pulled.err()).isZero();
        assertThat(pulled.err()).contains("commit " + COMMIT).contains("fetched and checked").contains("stoa show org/tiny");
        String path = pulled.out().strip();
        assertThat(Path.of(path)).isDirectory();
        assertThat(last(run("pull", "org/tiny", "--json")).get("data").get("fetched").asInt()).isZero();
        assertThat(run("show", "org/tiny").exit()).isZero();
        assertThat(run("verify", "org/tiny").exit()).isZero();
        assertThat(run("ls").out()).contains("org/tiny").contains("complete");
        assertThat(run("pull", "org/tiny", "--offline").out().strip()).isEqualTo(path);
        assertThat(run("rm", "org/tiny").exit()).isEqualTo(2);
        assertThat(run("rm", "org/tiny", "--dry-run", "--yes").exit()).isZero();
        assertThat(Path.of(path)).isDirectory();
        assertThat(last(run("rm", "org/tiny", "--yes", "--json")).get("data").get("freed_bytes").asLong()).isPositive();
        assertThat(Path.of(path)).doesNotExist();
        assertThat(run("rm", "org/tiny", "--yes").exit()).isEqualTo(3);
        assertThat(run("pull", "org/tiny", "--offline").exit()).isEqualTo(1);
    }

    @Test
    void refusesWithTheNextStep() {
        assertThat(run("pull").exit()).isEqualTo(2);
        assertThat(run("pull", "../x").exit()).isEqualTo(2);
        assertThat(run("pull", "org/tiny", "--jobs", "0").exit()).isEqualTo(2);
        Shell.Result missing = run("pull", "org/nowhere");
        assertThat(missing.exit()).isEqualTo(1);
        assertThat(missing.err()).contains("error[hub_not_found]").contains("check the spelling");
        listing = listing.replace("config.json", "../config.json");
        Shell.Result evil = run("pull", "org/tiny", "--json");
        assertThat(evil.exit()).isEqualTo(1);
        assertThat(last(evil).get("error").get("code").asString()).isEqualTo("unsafe_file");
        assertThat(folder.resolve("cache")).doesNotExist();
    }
}
