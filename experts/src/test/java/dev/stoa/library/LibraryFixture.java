// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.store.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Small experts for tests. The library never looks inside the files, so their bytes only have to differ.
final class LibraryFixture {
    static final String BASE = Digest.of("a base model".getBytes(StandardCharsets.UTF_8));
    static final String OTHER_BASE = Digest.of("another base model".getBytes(StandardCharsets.UTF_8));

    private LibraryFixture() {}

    static Path adapter(Path parent, String content) throws IOException {
        Path directory = Files.createDirectories(parent.resolve("adapter-" + content.replace('.', '-')));
        Files.writeString(directory.resolve("adapter_config.json"), "{\"peft_type\": \"LORA\", \"r\": 8}");
        Files.writeString(directory.resolve("adapter_model.safetensors"), "factors of " + content);
        Files.writeString(directory.resolve("optimizer.json"), "not part of an expert");
        return directory;
    }

    static AdapterFacts facts(String content) {
        String hash = Digest.of(("adapter " + content).getBytes(StandardCharsets.UTF_8));
        return new AdapterFacts(hash, null, 8, 2, List.of("self_attn.q_proj"), "F32", 1024);
    }

    static Manifest manifest(String name, String version) {
        return manifest(name, version, BASE);
    }

    static Manifest manifest(String name, String version, String base) {
        return Manifest.of(name, version, List.of(name), new Manifest.Base(base, base, null, null), "test");
    }

    static ExpertVersion add(Library library, Path files, String name, String version) throws IOException {
        return library.add(manifest(name, version), adapter(files, version), facts(name + version));
    }

    static Evidence passed(String kind, Double value) {
        return new Evidence(kind, Digest.of(kind.getBytes(StandardCharsets.UTF_8)), 0, value);
    }

    static Evidence failed(String kind, int status) {
        return new Evidence(kind, Digest.of(kind.getBytes(StandardCharsets.UTF_8)), status, null);
    }

    /// Stores a version and makes it the active one.
    static Active release(Library library, Path files, String name, String version) throws IOException {
        add(library, files, name, version);
        library.move(name, version, State.GATING, "gate", List.of());
        return library.publish(name, version, List.of(passed("gate", null)));
    }
}
