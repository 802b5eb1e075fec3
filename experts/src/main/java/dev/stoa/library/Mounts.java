// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.store.BlobStore;
import dev.stoa.store.Digest;
import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Directories that show the blobs of a version under their file names. Each is named by its manifest's hash, made
/// beside its final name and renamed, so a directory under a final name is complete; files are hard links where the
/// file system has them, else copies.
final class Mounts {
    private static final String SIDECAR = "stoa-expert.json";
    private final Path root;
    private final BlobStore blobs;
    private final Disk disk;

    Mounts(Path root, BlobStore blobs, Disk disk) {
        this.root = root;
        this.blobs = blobs;
        this.disk = disk;
    }

    Path directory(Manifest manifest, String manifestHash) throws IOException {
        Path target = root.resolve(manifestHash);
        if (Files.isDirectory(target)) return verified(target, manifest);
        Path part = Files.createTempDirectory(root, ".part-");
        for (Manifest.StoredFile file : manifest.adapter().files()) {
            link(blobs.verify(file.sha256()), part.resolve(file.path()));
        }
        disk.write(part.resolve(SIDECAR), manifest.toJson());
        try {
            disk.rename(part, target);
        } catch (FileSystemException raced) {
            // Another thread or process made the same directory first; its content is the same.
            if (!Files.isDirectory(target)) throw raced;
            remove(part);
        }
        disk.forceDirectory(root);
        return target;
    }

    private Path verified(Path target, Manifest manifest) throws IOException {
        for (Manifest.StoredFile file : manifest.adapter().files()) {
            Path shown = target.resolve(file.path());
            String got = Files.isRegularFile(shown) ? Digest.of(shown) : "no file";
            if (got.equals(file.sha256())) continue;
            throw Fault.of(ExpertsFault.BLOB_CORRUPT, "blob %s, shown as %s, is damaged", file.sha256(), file.path())
                    .where(shown).got(got).expected(file.sha256())
                    .next("remove " + target + " and restore blob " + blobs.path(file.sha256())).exception();
        }
        return target;
    }

    private static void link(Path blob, Path name) throws IOException {
        try {
            Files.createLink(name, blob);
        } catch (UnsupportedOperationException | FileSystemException noHardLinks) {
            Files.copy(blob, name);
        }
    }

    private static void remove(Path part) throws IOException {
        try (var files = Files.list(part)) {
            for (Path file : files.toList()) Files.delete(file);
        }
        Files.delete(part);
    }
}
