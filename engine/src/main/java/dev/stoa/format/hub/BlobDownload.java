// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.hub.RepoInfo.RemoteFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.function.LongConsumer;

/// Brings one blob into the cache. Bytes go to `<etag>.incomplete`, are hashed while they arrive, and get their final name
/// only when size and hash are right; what an interrupted run left is continued. The caller holds the blob's lock.
final class BlobDownload {
    private final HubClient client;
    private final HubRepo repo;
    private final String commit;
    private final RemoteFile file;
    private final Path blob;
    private final Path incomplete;
    private final LongConsumer arrived;
    private BlobHash hash;
    private long furthest;

    /// `arrived` is told how much more of the file is there; less than nothing when a start was in vain.
    BlobDownload(HubClient client, HubRepo repo, String commit, RemoteFile file, Path blob, LongConsumer arrived) {
        this.client = client;
        this.repo = repo;
        this.commit = commit;
        this.file = file;
        this.blob = blob;
        this.incomplete = blob.resolveSibling(blob.getFileName() + ".incomplete");
        this.arrived = arrived;
    }

    /// Whether a file is the blob as far as its size tells.
    static boolean there(Path blob, RemoteFile file) throws IOException {
        return Files.isRegularFile(blob) && Files.size(blob) == file.size();
    }

    void run() throws IOException, InterruptedException {
        Files.createDirectories(blob.getParent());
        Fault wrong = null;
        for (int attempt = 0; attempt < 2; attempt++) {
            wrong = transfer();
            if (wrong == null) {
                Files.move(incomplete, blob, StandardCopyOption.ATOMIC_MOVE);
                AtomicFiles.forceDirectory(blob.getParent());
                return;
            }
            arrived.accept(-Files.size(incomplete));
            Files.move(incomplete, blob.resolveSibling(file.etag() + ".corrupt"), StandardCopyOption.REPLACE_EXISTING);
        }
        throw wrong.exception();
    }

    /// Fills the incomplete file; what is wrong with it, or null.
    private Fault transfer() throws IOException, InterruptedException {
        Retries retries = client.retries();
        try (FileChannel out = FileChannel.open(incomplete, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (out.size() > file.size()) out.truncate(0);
            hash = BlobHash.of(file.etag(), file.size());
            hash.update(incomplete);
            arrived.accept(out.size());
            while (out.size() < file.size()) {
                try {
                    if (!receive(out, retries)) return wrong("more than " + file.size() + " bytes", file.size() + " bytes");
                } catch (Unavailable failure) {
                    retries.failed(failure);
                }
            }
            out.force(true);
            String got = hash.finish().etag();
            return got.equals(file.etag()) ? null : wrong(got, file.etag());
        }
    }

    private Fault wrong(String got, String expected) {
        return Fault.of(EngineFault.HASH_MISMATCH, "the hub sent another file than it lists, twice").where(repo + "@" + commit + " " + file.path())
                .got(got).expected(expected).next("try again later, or another copy of the model");
    }

    /// Appends one answer of the hub to what is there; false when it is longer than the file.
    private boolean receive(FileChannel out, Retries retries) throws IOException, InterruptedException {
        try (HubClient.Answer answer = client.file(repo, commit, file, out.size())) {
            String etag = HubClient.etag(answer.first());
            if (etag != null && !etag.equals(file.etag())) {
                restart(out);
                throw new Unavailable("the hub now names another content: " + etag, null, null);
            }
            if (answer.status() == 416 || answer.status() == 206 && HubClient.start(answer.last()) != out.size()) {
                restart(out);
                throw new Unavailable("the hub sent another part than asked for", null, null);
            }
            if (answer.status() == 200) restart(out);
            if (!copy(answer.body(), out, retries)) return false;
            if (out.size() == file.size()) return true;
            throw new Unavailable("the connection ended after " + out.size() + " of " + file.size() + " bytes", null, null);
        }
    }

    private void restart(FileChannel out) throws IOException {
        if (out.size() == 0) return;
        arrived.accept(-out.size());
        out.truncate(0);
        hash = BlobHash.of(file.etag(), file.size());
    }

    private boolean copy(BodyReader body, FileChannel out, Retries retries) throws IOException, InterruptedException {
        byte[] chunk = new byte[1 << 16];
        out.position(out.size());
        for (int n = body.read(chunk); n >= 0; n = body.read(chunk)) {
            if (out.position() + n > file.size()) return false;
            ByteBuffer bytes = ByteBuffer.wrap(chunk, 0, n);
            while (bytes.hasRemaining()) out.write(bytes);
            hash.update(chunk, 0, n);
            arrived.accept(n);
            // Only bytes never seen before count: a hub that always breaks at the same place is given up.
            if (out.position() > furthest) {
                furthest = out.position();
                retries.progress();
            }
        }
        return true;
    }
}
