// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.store.Digest;
import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;

/// `certificates.jsonl`: one line per forget, without payload, each line carrying the hash of the one before.
final class Certificates {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private Certificates() {}

    static ForgetCertificate issue(Path directory, ForgetSelector selector, ForgetMode mode, Instant requested,
            Instant finished, int episodes, int facts, boolean verified, String id) throws IOException {
        Path file = directory.resolve("certificates.jsonl");
        List<String> lines = Files.exists(file) ? Files.readAllLines(file) : List.of();
        String previous = lines.isEmpty() ? "" : Digest.of(lines.getLast().getBytes(StandardCharsets.UTF_8));
        String selectorHash = Digest.of(selector.toString().getBytes(StandardCharsets.UTF_8));
        ForgetCertificate bare = new ForgetCertificate(id, selectorHash, mode, requested, finished, episodes, facts, verified,
                previous, "");
        String hash = Digest.of(JSON.writeValueAsBytes(bare));
        ForgetCertificate certificate = new ForgetCertificate(id, selectorHash, mode, requested, finished, episodes, facts,
                verified, previous, hash);
        Disk.local().append(file, (JSON.writeValueAsString(certificate) + "\n").getBytes(StandardCharsets.UTF_8));
        return certificate;
    }
}
