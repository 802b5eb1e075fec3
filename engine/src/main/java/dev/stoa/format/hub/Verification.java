// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.format.FileDigests;
import dev.stoa.format.PackManifest;
import dev.stoa.format.RelativeNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// Reads every file of a model again and compares it with what is recorded: the manifest, or for a snapshot of another
/// tool the hash that names its blob.
public final class Verification {
    /// One file; `got` is what it hashes to, `expected` what is recorded, or null when nothing is.
    public record FileResult(String path, boolean ok, String got, String expected) {}

    private Verification() {}

    /// Results for all files of a directory, or for one GGUF file, by name.
    public static List<FileResult> of(Path pack) throws IOException {
        boolean directory = Files.isDirectory(pack);
        Path home = directory ? pack : pack.toAbsolutePath().getParent();
        PackManifest manifest = PackManifest.read(home);
        FileDigests digests = new FileDigests();
        List<FileResult> results = new ArrayList<>();
        List<String> unlisted = new ArrayList<>(directory ? RelativeNames.below(home) : List.of(pack.getFileName().toString()));
        if (manifest != null) {
            for (PackManifest.Item item : manifest.files()) {
                if (!unlisted.remove(item.path()) && !directory) continue;
                PackManifest.Mismatch wrong = PackManifest.check(home, item, digests, Long.MAX_VALUE);
                results.add(wrong == null ? new FileResult(item.path(), true, item.sha256(), item.sha256())
                        : new FileResult(item.path(), false, wrong.got(), wrong.expected()));
            }
        }
        for (String name : unlisted) results.add(byName(home.resolve(name), name, digests));
        return results;
    }

    private static FileResult byName(Path file, String name, FileDigests digests) throws IOException {
        String blob = Files.isSymbolicLink(file) ? Files.readSymbolicLink(file).getFileName().toString() : "";
        if (blob.matches("[0-9a-f]{40}")) {
            String got = HexFormat.of().formatHex(BlobHash.git(file));
            return new FileResult(name, got.equals(blob), got, blob);
        }
        String got = digests.of(file).hex();
        boolean named = blob.matches("[0-9a-f]{64}");
        return new FileResult(name, !named || got.equals(blob), got, named ? blob : null);
    }
}
