// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// The writing file operations that durability rests on, each either done or failed with an `IOException`.
///
/// A seam, so that tests can stop the machine between any two of them. Reading goes through `Files` directly.
/// Stateless and thread-safe; two writers of one file are the caller's mistake (see [WriterLock]).
public interface Disk {
    /// Creates or truncates `file`, writes all bytes and forces them to the device.
    void write(Path file, byte[] bytes) throws IOException;

    /// Adds bytes at the end of `file` (created when absent) and forces them.
    void append(Path file, byte[] bytes) throws IOException;

    /// Cuts `file` to `size` bytes and forces it.
    void truncate(Path file, long size) throws IOException;

    /// Copies a file's bytes to a new file and forces them.
    void copy(Path from, Path to) throws IOException;

    /// Renames atomically, replacing the target.
    void rename(Path from, Path to) throws IOException;

    /// Makes created, renamed and deleted names of a directory durable.
    void forceDirectory(Path directory) throws IOException;

    /// Removes a file if it is there.
    void delete(Path file) throws IOException;

    /// Puts `bytes` under the name `file` so that any crash leaves the old content or the new, never a mixture.
    default void replace(Path file, byte[] bytes) throws IOException {
        Path part = file.resolveSibling("." + file.getFileName() + ".part-" + ProcessHandle.current().pid());
        write(part, bytes);
        rename(part, file);
        forceDirectory(file.getParent());
    }

    /// The real file system.
    static Disk local() {
        return new LocalDisk();
    }

    /// [Disk] over `java.nio`.
    record LocalDisk() implements Disk {
        @Override
        public void write(Path file, byte[] bytes) throws IOException {
            put(file, bytes, StandardOpenOption.TRUNCATE_EXISTING);
        }

        @Override
        public void append(Path file, byte[] bytes) throws IOException {
            put(file, bytes, StandardOpenOption.APPEND);
        }

        private static void put(Path file, byte[] bytes, StandardOpenOption how) throws IOException {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                    how)) {
                ByteBuffer rest = ByteBuffer.wrap(bytes);
                while (rest.hasRemaining()) channel.write(rest);
                channel.force(true);
            }
        }

        @Override
        public void truncate(Path file, long size) throws IOException {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.truncate(size);
                channel.force(true);
            }
        }

        @Override
        public void copy(Path from, Path to) throws IOException {
            Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
            try (FileChannel channel = FileChannel.open(to, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }

        @Override
        public void rename(Path from, Path to) throws IOException {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }

        @Override
        public void forceDirectory(Path directory) throws IOException {
            // Only POSIX systems can open a directory; elsewhere the rename itself is what the system offers.
            if (!directory.getFileSystem().supportedFileAttributeViews().contains("posix")) return;
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }

        @Override
        public void delete(Path file) throws IOException {
            Files.deleteIfExists(file);
        }
    }
}
