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

    @Test
    void aCopyIsHeldAgainstItsSource() throws IOException {
        Path floats = folder.resolve("floats.gguf");
        assertThat(run("convert", model.toString(), floats.toString(), "--to", "gguf").exit()).isZero();
        Path copy = Files.createDirectory(folder.resolve("q8")).resolve("copy.gguf");
        assertThat(run("quantize", floats.toString(), copy.toString(), "--scheme", "q8_0").exit()).isZero();
        Shell.Result dry = run("verify", copy.toString(), "--against", model.toString(), "--dry-run");
        assertThat(dry.exit()).as(dry.out() + dry.err()).isZero();
        assertThat(dry.out()).containsPattern("ok +a copy of .* tensors exact, largest relative error");
        assertThat(copy.resolveSibling(PackManifest.NAME)).doesNotExist();
        JsonNode data = json("verify", copy.toString(), "--against", floats.toString()).get("data").get("against");
        assertThat(data.get("copy").asBoolean()).isTrue();
        assertThat(data.get("recorded").isNull()).as("quantize has said it already").isTrue();
        // A directory that another tool wrote: nothing is known of its origin before.
        Path other = folder.resolve("other");
        assertThat(run("convert", floats.toString(), other.toString(), "--to", "safetensors", "--dtype", "bf16").exit()).isZero();
        Files.delete(other.resolve(PackManifest.NAME));
        Path adapter = TinyDirectory.adapter(model, folder.resolve("expert"), 1);
        Shell.Result stranger = run("verify", adapter.toString(), "--against", other.toString());
        assertThat(stranger.exit()).isEqualTo(1);
        assertThat(stranger.out()).containsPattern("fail +trained on another base: got [0-9a-f]{64}, expected [0-9a-f]{64}");
        assertThat(json("verify", other.toString(), "--against", model.toString()).get("data").get("against").get("recorded").asString())
                .endsWith(PackManifest.NAME);
        assertThat(run("verify", other.toString()).exit()).isZero();
        Shell.Result origin = run("verify", adapter.toString(), "--against", other.toString());
        assertThat(origin.exit()).isZero();
        assertThat(origin.out()).contains("a copy of");
        assertThat(run("run", other.toString(), "the answer", "--expert", "one=" + adapter, "--max-tokens", "2").exit()).isZero();
    }

    @Test
    void whatIsNoCopyIsRefused() throws IOException {
        Path other = TinyDirectory.write(folder.resolve("other"));
        byte[] bytes = Files.readAllBytes(other.resolve("model.safetensors"));
        bytes[bytes.length - 2] ^= 8;
        Files.write(other.resolve("model.safetensors"), bytes);
        Shell.Result result = run("verify", other.toString(), "--against", model.toString());
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.out()).containsPattern("fail +[a-z0-9_.]+ \\[\\d+, \\d+]: got .*, expected ");
        assertThat(other.resolve(PackManifest.NAME)).doesNotExist();
        JsonNode envelope = json("verify", other.toString(), "--against", model.toString());
        assertThat(envelope.get("ok").asBoolean()).isFalse();
        assertThat(envelope.get("data").get("against").get("problems")).hasSize(1);
        Path text = TinyDirectory.write(folder.resolve("text"));
        Files.writeString(text.resolve("tokenizer.json"), Files.readString(text.resolve("tokenizer.json")).replace("<end>", "<stop>"));
        assertThat(run("verify", text.toString(), "--against", model.toString()).out()).contains("the tokenizers differ: token ");
    }

    @Test
    void anAdapterIsHeldAgainstItsBase() throws IOException {
        Path adapter = TinyDirectory.adapter(model, folder.resolve("expert"), 1);
        JsonNode data = json("verify", adapter.toString(), "--against", model.toString()).get("data").get("against");
        assertThat(data.get("base_match").asString()).isEqualTo("exact");
        assertThat(data.get("modules").asInt()).isEqualTo(14);
        Path plain = folder.resolve("plain");
        assertThat(run("convert", adapter.toString(), plain.toString(), "--to", "mlx", "--base", model.toString()).exit()).isZero();
        Shell.Result unnamed = run("verify", plain.toString(), "--against", model.toString());
        assertThat(unnamed.exit()).isZero();
        assertThat(unnamed.out()).containsPattern("warn +the adapter names no base");
        Path config = adapter.resolve("adapter_config.json");
        Files.writeString(config, Files.readString(config).replaceFirst("\"r\"\\s*:\\s*4", "\"r\": 3"));
        Shell.Result broken = run("verify", adapter.toString(), "--against", model.toString());
        assertThat(broken.exit()).isEqualTo(1);
        assertThat(broken.err()).contains("error[").contains("rank");
        assertThat(run("verify", adapter.toString()).err()).contains("--against BASE");
        assertThat(run("verify", adapter.toString()).exit()).isEqualTo(2);
        assertThat(run("verify", "--against", model.toString()).exit()).isEqualTo(2);
    }
}
