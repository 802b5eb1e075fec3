// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.FileDigests;
import dev.stoa.format.PackManifest;
import dev.stoa.format.RelativeNames;
import dev.stoa.format.hub.RepoInfo.RemoteFile;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Fetches a revision of a repository into the cache. Interrupted at any byte it can be run again and goes on; a file has
/// its final name only with the right content, and the ref and the manifest are written last. Several pulls of the same
/// repository, in one process or several, fetch each blob once. Close it when done; [#cancel] from any thread.
public final class Pull implements AutoCloseable {
    private static final double SPARE_SHARE = 1.02;
    private static final long SPARE_BYTES = 256L << 20;

    private final HubCache cache;
    private final HubEndpoint hub;
    private final Options options;
    private final CountDownLatch cancelled = new CountDownLatch(1);
    private final HubClient client;

    /// How to pull.
    ///
    /// @param jobs files at once
    /// @param idle longest silence of the hub before a request counts as failed
    /// @param free bytes the disk of the cache has left
    /// @param pause how time passes between attempts, or null for the clock's
    record Options(int jobs, Duration idle, FreeSpace free, Retries.Pause pause) {
        static final Duration IDLE = Duration.ofSeconds(30);
    }

    /// Bytes that a disk has left.
    @FunctionalInterface
    interface FreeSpace {
        long of(Path directory) throws IOException;
    }

    /// What a pull will do: `missing` of `bytes` are not in the cache, `free` are left on its disk.
    public record Plan(HubRepo repo, String revision, RepoInfo info, List<RemoteFile> files, long bytes, long missing, long free) {}

    /// Told what happens, from several threads.
    public interface Progress {
        /// So many more bytes of a file are there (fewer, when it had to start again).
        void arrived(RemoteFile file, long bytes);

        /// A file is in the snapshot; `fetched` unless it was in the cache before.
        void finished(RemoteFile file, boolean fetched);
    }

    /// Where the snapshot is, and how many files were fetched and checked.
    public record Result(Path snapshot, String commit, int fetched, int files, long bytes) {}

    public Pull(HubCache cache, HubEndpoint hub, int jobs) {
        this(cache, hub, new Options(jobs, Options.IDLE, directory -> Files.getFileStore(directory).getUsableSpace(), null));
    }

    Pull(HubCache cache, HubEndpoint hub, Options options) {
        this.cache = cache;
        this.hub = hub;
        this.options = options;
        this.client = new HubClient(hub, options.idle(), options.pause() == null ? this::pause : options.pause());
    }

    /// Makes waiting and fetching threads stop soon; what is there stays for the next run.
    public void cancel() {
        cancelled.countDown();
        client.close();
    }

    private void pause(Duration time) throws IOException, InterruptedException {
        if (cancelled.await(time.toMillis(), TimeUnit.MILLISECONDS)) throw new InterruptedIOException("the pull was cancelled");
    }

    /// Asks the hub what a revision is and chooses the files; nothing is written.
    public Plan plan(HubRepo repo, String revision, FileSelection selection) throws IOException, InterruptedException {
        if (!RelativeNames.safe(revision)) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "this is not the name of a revision").got(revision).expected("a branch, a tag or a commit").next("check the name").exception();
        }
        RepoInfo info = client.info(repo, revision);
        List<RemoteFile> files = selection.of(info, repo);
        long bytes = 0;
        long missing = 0;
        Set<String> counted = new HashSet<>();
        for (RemoteFile file : files) {
            bytes = Math.addExact(bytes, file.size());
            Path blob = cache.blobs(repo).resolve(file.etag());
            if (!BlobDownload.there(blob, file) && counted.add(file.etag())) missing = Math.addExact(missing, file.size() - begun(blob, file));
        }
        Path disk = cache.root().toAbsolutePath();
        while (!Files.exists(disk)) disk = disk.getParent();
        return new Plan(repo, revision, info, files, bytes, missing, options.free().of(disk));
    }

    private static long begun(Path blob, RemoteFile file) throws IOException {
        Path incomplete = blob.resolveSibling(blob.getFileName() + ".incomplete");
        return Files.exists(incomplete) ? Math.min(file.size(), Files.size(incomplete)) : 0;
    }

    /// Does what the plan says.
    public Result run(Plan plan, Progress progress) throws IOException, InterruptedException {
        double needed = plan.missing() * SPARE_SHARE + SPARE_BYTES;
        if (plan.missing() > 0 && plan.free() < needed) {
            throw Fault.of(EngineFault.DISK_FULL, "the files do not fit the disk").where(cache.root()).got("%d bytes free".formatted(plan.free()))
                    .expected("%.0f bytes".formatted(needed)).next("make room (stoa ls, stoa rm), or set HF_HUB_CACHE").exception();
        }
        HubRepo repo = plan.repo();
        String commit = plan.info().commit();
        Path snapshot = cache.snapshot(repo, commit);
        Path partial = cache.partial(repo, commit);
        Files.createDirectories(snapshot);
        Files.createDirectories(partial.getParent());
        if (!Files.exists(snapshot.resolve(PackManifest.NAME))) AtomicFiles.write(partial, plan.revision());
        int fetched = all(plan, snapshot, progress);
        finish(plan, snapshot);
        Files.deleteIfExists(partial);
        return new Result(snapshot, commit, fetched, plan.files().size(), plan.bytes());
    }

    /// Fetches the files, several at once; the first failure stops the others.
    private int all(Plan plan, Path snapshot, Progress progress) throws IOException, InterruptedException {
        int fetched = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(Math.max(1, options.jobs()), Thread.ofVirtual().name("pull-", 0).factory())) {
            List<Future<Boolean>> running = new ArrayList<>();
            for (RemoteFile file : plan.files()) running.add(threads.submit(() -> one(plan, file, snapshot, progress)));
            try {
                for (Future<Boolean> file : running) if (file.get()) fetched++;
            } catch (ExecutionException failure) {
                threads.shutdownNow();
                switch (failure.getCause()) {
                    case IOException io -> throw io;
                    case RuntimeException runtime -> throw runtime;
                    case InterruptedException interrupted -> throw interrupted;
                    default -> throw new IllegalStateException(failure.getCause());
                }
            } catch (InterruptedException interrupted) {
                threads.shutdownNow();
                throw interrupted;
            }
        }
        return fetched;
    }

    private boolean one(Plan plan, RemoteFile file, Path snapshot, Progress progress) throws IOException, InterruptedException {
        HubRepo repo = plan.repo();
        Path blob = cache.blobs(repo).resolve(file.etag());
        boolean fetched = false;
        try (BlobLock _ = lock(cache.lock(repo, file.etag()))) {
            if (BlobDownload.there(blob, file)) {
                progress.arrived(file, file.size());
            } else {
                new BlobDownload(client, repo, plan.info().commit(), file, blob, bytes -> progress.arrived(file, bytes)).run();
                fetched = true;
            }
            SnapshotLink.make(snapshot.resolve(file.path()), blob);
        }
        progress.finished(file, fetched);
        return fetched;
    }

    private BlobLock lock(Path file) throws IOException, InterruptedException {
        while (true) {
            BlobLock lock = BlobLock.tryTake(file);
            if (lock != null) return lock;
            pause(Duration.ofMillis(100));
        }
    }

    private void finish(Plan plan, Path snapshot) throws IOException {
        FileDigests digests = new FileDigests();
        ObjectNode blobs = JsonNodeFactory.instance.objectNode();
        for (RemoteFile file : plan.files()) {
            blobs.put(file.path(), file.etag());
            // The hub's word, which is what the content is to be held against later.
            if (file.etag().length() == 64) digests.know(snapshot.resolve(file.path()), HexFormat.of().parseHex(file.etag()));
        }
        Map<String, JsonNode> more = new TreeMap<>();
        more.put("source", JsonNodeFactory.instance.objectNode().put("hub", hub.toString()).put("repo", plan.repo().id()).put("commit", plan.info().commit()));
        more.put("blobs", blobs);
        if (plan.info().license() != null) more.put("license", JsonNodeFactory.instance.stringNode(plan.info().license()));
        PackManifest.of(snapshot, digests, more).write(snapshot);
        if (HubCache.commit(plan.revision())) return;
        Path ref = cache.folder(plan.repo()).resolve("refs").resolve(plan.revision());
        Files.createDirectories(ref.getParent());
        AtomicFiles.write(ref, plan.info().commit());
    }

    @Override
    public void close() {
        client.close();
    }
}
