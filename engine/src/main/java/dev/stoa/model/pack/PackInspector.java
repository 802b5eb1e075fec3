// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.pack;

import dev.stoa.format.FileDigests;
import dev.stoa.format.PackManifest;
import dev.stoa.model.pack.PackIssue.Code;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Says what a model directory or GGUF file is and everything that is wrong with it, all at once. Only the heads of weight
/// files are read: they are mapped, and their data is never touched, unless contents are to be checked.
public final class PackInspector {
    /// Other files than weights are always compared with the manifest by content.
    private static final List<String> WEIGHTS = List.of(".safetensors", ".gguf");

    private PackInspector() {}

    /// Inspects a pack; weight files are compared with its manifest by size only.
    public static PackReport inspect(Path pack) throws IOException {
        return inspect(pack, false);
    }

    /// As [#inspect(Path)]; with `contents` every file the manifest lists is read and hashed.
    public static PackReport inspect(Path pack, boolean contents) throws IOException {
        if (!Files.exists(pack)) throw new java.nio.file.NoSuchFileException(pack.toString());
        try (Scope scope = new Ledger().scope("inspect")) {
            Inspection found = Files.isDirectory(pack) ? DirectoryInspection.run(pack, scope) : GgufInspection.run(pack, scope);
            compare(pack, contents, found.issues());
            return found.report(pack);
        }
    }

    private static void compare(Path pack, boolean contents, Issues issues) throws IOException {
        boolean directory = Files.isDirectory(pack);
        Path home = directory ? pack : pack.toAbsolutePath().getParent();
        PackManifest manifest = issues.attempt(Code.HASH_MISMATCH, PackManifest.NAME, () -> PackManifest.read(home));
        if (manifest == null) return;
        FileDigests digests = new FileDigests();
        for (PackManifest.Item item : manifest.files()) {
            if (!directory && !item.path().equals(pack.getFileName().toString())) continue;
            boolean sizeOnly = !contents && WEIGHTS.stream().anyMatch(item.path()::endsWith);
            PackManifest.Mismatch wrong = PackManifest.check(home, item, digests, sizeOnly ? 0 : Long.MAX_VALUE);
            if (wrong != null) issues.add(Code.HASH_MISMATCH, wrong.path(), null, wrong.got(), wrong.expected(), "fetch the file again");
        }
    }
}
