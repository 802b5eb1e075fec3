// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// Writes that a crash at any byte cannot leave half done under the final name: a hidden sibling is written and
/// forced, then renamed over the target, then the directory is forced.
public final class AtomicFiles {
    private AtomicFiles() {}

    /// Fills one file.
    @FunctionalInterface
    public interface FileBody {
        void write(FileChannel channel) throws IOException;
    }

    /// Fills a new directory; the path is temporary, so nothing may remember it.
    @FunctionalInterface
    public interface DirectoryBody {
        void write(Path directory) throws IOException;
    }

    /// Creates or replaces `target`.
    public static void write(Path target, FileBody body) throws IOException {
        Path part = partOf(target);
        try {
            try (FileChannel channel = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                    StandardOpenOption.TRUNCATE_EXISTING)) {
                body.write(channel);
                channel.force(true);
            }
            Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
        forceDirectory(target.toAbsolutePath().getParent());
    }

    /// Creates or replaces `target` with UTF-8 text.
    public static void write(Path target, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        write(target, channel -> {
            while (bytes.hasRemaining()) channel.write(bytes);
        });
    }

    /// Creates `target`, which must not exist or be an empty directory, with everything `body` puts into it.
    public static void writeDirectory(Path target, DirectoryBody body) throws IOException {
        requireFree(target);
        Path parent = target.toAbsolutePath().getParent();
        Files.createDirectories(parent);
        Path part = partOf(target);
        deleteTree(part);
        Files.createDirectory(part);
        try {
            body.write(part);
            for (Path file : tree(part)) {
                if (Files.isDirectory(file)) forceDirectory(file);
                else forceFile(file);
            }
            Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            deleteTree(part);
        }
        forceDirectory(parent);
    }

    /// Fails when a directory could not be written to `target` without touching what is there.
    public static void requireFree(Path target) throws IOException {
        if (!Files.exists(target)) return;
        boolean empty = false;
        if (Files.isDirectory(target)) {
            try (Stream<Path> files = Files.list(target)) {
                empty = files.findAny().isEmpty();
            }
        }
        if (!empty) {
            throw Fault.of(EngineFault.OUTPUT_EXISTS, "the output already exists").where(target)
                    .expected("a path that is free, or an empty directory")
                    .next("choose another output, or remove this one").exception();
        }
    }

    /// The regular files of a directory by name.
    static List<Path> list(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private static Path partOf(Path target) {
        String name = ".%s.part-%d-%d".formatted(
                target.getFileName(), ProcessHandle.current().pid(), Thread.currentThread().threadId());
        return target.resolveSibling(name);
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) return;
        for (Path file : tree(root)) Files.delete(file);
    }

    /// Children before parents.
    private static List<Path> tree(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.sorted(Comparator.reverseOrder()).toList();
        }
    }

    private static void forceFile(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    /// Makes a rename durable. Only POSIX systems can open a directory; elsewhere the rename itself must do.
    public static void forceDirectory(Path directory) throws IOException {
        if (!directory.getFileSystem().supportedFileAttributeViews().contains("posix")) return;
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
