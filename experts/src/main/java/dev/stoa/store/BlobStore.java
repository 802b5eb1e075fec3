// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/// Immutable blobs named by the SHA-256 of their bytes: `<root>/sha256/ab/<hash>`.
///
/// Written to a temporary name, forced, renamed; verified on every read, so a damaged blob is refused by name and
/// never served. Thread-safe, also between processes: two writers of one blob write the same bytes.
public final class BlobStore {
    private final Path root;
    private final Disk disk;

    public BlobStore(Path root, Disk disk) {
        this.root = root.resolve("sha256");
        this.disk = disk;
    }

    /// Where the blob lies or would lie; the bytes there are not verified.
    public Path path(String hash) {
        if (!Digest.isHash(hash)) throw new IllegalArgumentException("not a SHA-256 in hex: " + hash);
        return root.resolve(hash.substring(0, 2)).resolve(hash);
    }

    /// Stores the bytes (nothing happens when they are already there) and returns their hash.
    public String put(byte[] bytes) throws IOException {
        String hash = Digest.of(bytes);
        Path target = path(hash);
        if (present(target, hash)) return hash;
        Path part = part(target);
        disk.write(part, bytes);
        commit(part, target);
        return hash;
    }

    /// Stores a copy of a file and returns its hash; what is stored is hashed, not what was read before.
    public String put(Path source) throws IOException {
        String hash = Digest.of(source);
        Path target = path(hash);
        if (present(target, hash)) return hash;
        Path part = part(target);
        disk.copy(source, part);
        String written = Digest.of(part);
        if (!written.equals(hash)) {
            disk.delete(part);
            throw new IOException(source + " changed while it was being copied");
        }
        commit(part, target);
        return hash;
    }

    public byte[] read(String hash) throws IOException {
        byte[] bytes = Files.readAllBytes(existing(hash));
        if (!Digest.of(bytes).equals(hash)) throw corrupt(hash, Digest.of(bytes));
        return bytes;
    }

    /// The path of a blob whose bytes were just verified.
    public Path verify(String hash) throws IOException {
        Path file = existing(hash);
        String got = Digest.of(file);
        if (!got.equals(hash)) throw corrupt(hash, got);
        return file;
    }

    public boolean contains(String hash) {
        return Files.isRegularFile(path(hash));
    }

    /// A damaged blob counts as absent, so that storing the good bytes again repairs it.
    private boolean present(Path target, String hash) throws IOException {
        return Files.isRegularFile(target) && Digest.of(target).equals(hash);
    }

    private Path part(Path target) throws IOException {
        Files.createDirectories(target.getParent());
        return target.resolveSibling("." + target.getFileName().toString().substring(0, 16) + ".part-"
                + ProcessHandle.current().pid() + "-" + Long.toHexString(ThreadLocalRandom.current().nextLong()));
    }

    /// Read-only, because mounted directories may show the same file under another name.
    private void commit(Path part, Path target) throws IOException {
        part.toFile().setReadOnly();
        disk.rename(part, target);
        disk.forceDirectory(target.getParent());
        disk.forceDirectory(root);
    }

    private Path existing(String hash) {
        Path file = path(hash);
        if (Files.isRegularFile(file)) return file;
        throw Fault.of(ExpertsFault.BLOB_MISSING, "blob %s is not in the store", hash).where(file)
                .next("restore the file from a backup, or install the expert again").exception();
    }

    private RuntimeException corrupt(String hash, String got) {
        return Fault.of(ExpertsFault.BLOB_CORRUPT, "blob %s is damaged", hash).where(path(hash)).got("sha256 " + got)
                .expected("sha256 " + hash).next("restore the file from a backup, or install the expert again")
                .exception();
    }
}
