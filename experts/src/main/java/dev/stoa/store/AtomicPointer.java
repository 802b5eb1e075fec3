// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/// One small file that is only ever replaced whole: readers see the old content or the new, at any moment and
/// after any crash. Readers need no lock; writers must be one at a time.
public record AtomicPointer(Path file, Disk disk) {
    public Optional<byte[]> read() throws IOException {
        try {
            return Optional.of(Files.readAllBytes(file));
        } catch (NoSuchFileException absent) {
            return Optional.empty();
        }
    }

    public void replace(byte[] content) throws IOException {
        disk.replace(file, content);
    }
}
