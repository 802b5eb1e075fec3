// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.format.FileDigests;
import dev.stoa.format.PackManifest;
import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `show`, `verify`, `ls` and `rm` in this process, on a directory and on a cache laid out as other tools do.
class PackVerbsTest {
    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
    @TempDir Path folder;
    private Path model;
    private Path cache;

    @BeforeEach
    void write() throws IOException {
        model = TinyDirectory.write(folder.resolve("tiny"));
        PackManifest.of(model, new FileDigests(), Map.of()).write(model);
        cache = folder.resolve("cache");
    }

    private Shell.Result run(String... args) {
        return new Shell().env("HF_HUB_CACHE", cache.toString()).env("STOA_HOME", folder.resolve("home").toString()).run(args);
    }

    private JsonNode json(String... args) {
        String[] more = Arrays.copyOf(args, args.length + 1);
        more[args.length] = "--json";
        return JsonMapper.shared().readTree(run(more).out());
    }

    /// The model as another tool caches it: blobs named by hash, links to them, a ref.
    private Path cached() throws IOException {
        Path repo = cache.resolve("models--org--tiny");
        Path snapshot = Files.createDirectories(repo.resolve("snapshots").resolve(COMMIT));
        Files.createDirectories(repo.resolve("blobs"));
        Files.createDirectories(repo.resolve("refs"));
        Files.writeString(repo.resolve("refs/main"), COMMIT);
        try (var files = Files.list(model)) {
            for (Path file : files.filter(one -> !one.getFileName().toString().equals(PackManifest.NAME)).toList()) {
                String hash = new FileDigests().of(file).hex();
                Files.copy(file, repo.resolve("blobs").resolve(hash));
                Files.createSymbolicLink(snapshot.resolve(file.getFileName()), Path.of("../../blobs", hash));
            }
        }
        return repo;
    }

    @Test
    void showTellsWhatAModelIsAndRefusesABrokenOne() throws IOException {
        JsonNode data = json("show", model.toString()).get("data");
        assertThat(data.get("family").asString()).isEqualTo("qwen3");
        assertThat(data.get("supported").asBoolean()).isTrue();
        assertThat(data.get("issues")).isEmpty();
        assertThat(run("show", model.toString()).out()).contains("qwen3").contains("BPE").contains("chat");
        Files.delete(model.resolve("tokenizer.json"));
        Shell.Result broken = run("show", model.toString());
        assertThat(broken.exit()).isEqualTo(1);
        assertThat(broken.out()).contains("TOKENIZER_MISSING").contains("next:");
        Shell.Result nowhere = run("show", "org/nowhere");
        assertThat(nowhere.exit()).isEqualTo(3);
        assertThat(nowhere.err()).contains("stoa pull org/nowhere");
        assertThat(run("show").exit()).isEqualTo(2);
    }

    @Test
    void verifyNamesTheFileThatChanged() throws IOException {
        assertThat(run("verify", model.toString()).exit()).isZero();
        byte[] bytes = Files.readAllBytes(model.resolve("model.safetensors"));
        bytes[bytes.length - 1] ^= 1;
        Files.write(model.resolve("model.safetensors"), bytes);
        Shell.Result result = run("verify", model.toString());
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.out()).containsPattern("fail +model.safetensors  got [0-9a-f]{64}, expected [0-9a-f]{64}");
        JsonNode envelope = json("verify", model.toString());
        assertThat(envelope.get("ok").asBoolean()).isFalse();
        assertThat(run("run", model.toString(), "x").err()).contains("error[hash_mismatch]");
    }

    @Test
    void aCacheOfAnotherToolIsListedShownAndVerifiedInPlace() throws IOException {
        assertThat(run("ls").err()).contains("no models");
        Path repo = cached();
        JsonNode one = json("ls", "--long").get("data").get("models").get(0);
        assertThat(one.get("repo").asString()).isEqualTo("org/tiny");
        assertThat(one.get("state").asString()).isEqualTo("foreign");
        assertThat(one.get("family").asString()).isEqualTo("qwen3");
        assertThat(one.get("refs").get(0).asString()).isEqualTo("main");
        assertThat(run("ls").out()).contains("org/tiny").contains("01234567");
        for (String name : new String[] {"org/tiny", "org/tiny@main", "org/tiny@" + COMMIT}) assertThat(run("show", name).exit()).as(name).isZero();
        assertThat(run("show", "org/tiny@other").exit()).isEqualTo(3);
        assertThat(run("verify").exit()).isZero();
        Path blob = repo.resolve("snapshots").resolve(COMMIT).resolve("config.json").toRealPath();
        Files.writeString(blob, Files.readString(blob) + " ");
        assertThat(run("verify", "org/tiny").exit()).isEqualTo(1);
        assertThat(run("verify", "org/tiny").out()).containsPattern("fail +config.json");
    }
}
