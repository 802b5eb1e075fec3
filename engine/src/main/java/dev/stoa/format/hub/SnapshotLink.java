// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/// A file of a snapshot: a relative link to its blob, so that the cache can be moved; a copy where links are impossible.
final class SnapshotLink {
    private SnapshotLink() {}

    static void make(Path link, Path blob) throws IOException {
        Path folder = link.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        Path target = folder.relativize(blob.toAbsolutePath());
        if (Files.isSymbolicLink(link) && Files.readSymbolicLink(link).equals(target)) return;
        Path part = link.resolveSibling("." + link.getFileName() + ".part-" + ProcessHandle.current().pid() + "-" + Thread.currentThread().threadId());
        Files.deleteIfExists(part);
        try {
            try {
                Files.createSymbolicLink(part, target);
            } catch (UnsupportedOperationException | FileSystemException impossible) {
                if (impossible instanceof FileAlreadyExistsException) throw impossible;
                Files.copy(blob, part);
            }
            Files.move(part, link, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
    }
}
