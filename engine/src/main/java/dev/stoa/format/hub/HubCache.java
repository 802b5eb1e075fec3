// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.format.PackManifest;
import dev.stoa.format.RelativeNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The cache of the Hugging Face tools: one folder per repository with `refs`, `blobs` named by their hash, and
/// `snapshots` of links to them. Snapshots of every tool are read in place; blobs are never changed. Stateless.
///
/// @param root the directory that holds `models--…` and `.locks`
public record HubCache(Path root) {
    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
    private static final int LONGEST_REF = 4096;

    /// One commit of a repository as far as it is in the cache. `complete` is whether a pull of Stoa finished it, or another
    /// tool made it (`managed` is false), whose state is unknown.
    public record Snapshot(HubRepo repo, String commit, List<String> refs, Path path, boolean managed, boolean complete, long bytes) {}

    /// Where other tools look too: `HF_HUB_CACHE`, else `HF_HOME/hub`, else the user's cache directory.
    public static HubCache of(Map<String, String> env) {
        String set = env.getOrDefault("HF_HUB_CACHE", "");
        if (!set.isEmpty()) return new HubCache(Path.of(set));
        return new HubCache(home(env).resolve("hub"));
    }

    /// `HF_HOME`, or its default.
    static Path home(Map<String, String> env) {
        String set = env.getOrDefault("HF_HOME", "");
        if (!set.isEmpty()) return Path.of(set);
        String cache = env.getOrDefault("XDG_CACHE_HOME", "");
        return (cache.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache)).resolve("huggingface");
    }

    public Path folder(HubRepo repo) {
        return root.resolve(repo.folder());
    }

    Path blobs(HubRepo repo) {
        return folder(repo).resolve("blobs");
    }

    Path snapshot(HubRepo repo, String commit) {
        return folder(repo).resolve("snapshots").resolve(commit);
    }

    Path lock(HubRepo repo, String etag) {
        return root.resolve(".locks").resolve(repo.folder()).resolve(etag + ".lock");
    }

    /// There while a pull is not finished; among the locks, where no other tool expects anything.
    Path partial(HubRepo repo, String commit) {
        return root.resolve(".locks").resolve(repo.folder()).resolve(commit + ".partial");
    }

    static boolean commit(String text) {
        return COMMIT.matcher(text).matches();
    }

    /// The commit a revision means according to the cache alone, or null.
    public String resolve(HubRepo repo, String revision) throws IOException {
        if (commit(revision)) return revision;
        if (!RelativeNames.safe(revision)) return null;
        Path ref = folder(repo).resolve("refs").resolve(revision);
        if (!Files.isRegularFile(ref) || Files.size(ref) > LONGEST_REF) return null;
        String text = Files.readString(ref).strip();
        return commit(text) ? text : null;
    }

    /// The snapshot of a revision, or null when the cache has none.
    public Snapshot find(HubRepo repo, String revision) throws IOException {
        String commit = resolve(repo, revision);
        return commit == null || !Files.isDirectory(snapshot(repo, commit)) ? null : describe(repo, commit);
    }

    /// Every snapshot, by repository and commit.
    public List<Snapshot> snapshots() throws IOException {
        List<Snapshot> all = new ArrayList<>();
        if (!Files.isDirectory(root)) return all;
        for (Path folder : children(root)) {
            HubRepo repo = HubRepo.ofFolder(folder.getFileName().toString());
            if (repo != null) all.addAll(snapshots(repo));
        }
        return all;
    }

    /// Snapshots of one repository, by commit.
    public List<Snapshot> snapshots(HubRepo repo) throws IOException {
        List<Snapshot> all = new ArrayList<>();
        Path folder = folder(repo).resolve("snapshots");
        if (!Files.isDirectory(folder)) return all;
        for (Path path : children(folder)) {
            String commit = path.getFileName().toString();
            if (commit(commit) && Files.isDirectory(path)) all.add(describe(repo, commit));
        }
        return all;
    }

    private Snapshot describe(HubRepo repo, String commit) throws IOException {
        Path path = snapshot(repo, commit);
        long bytes = 0;
        for (String name : RelativeNames.below(path)) bytes += Files.size(path.resolve(name));
        boolean partial = Files.exists(partial(repo, commit));
        boolean manifest = Files.exists(path.resolve(PackManifest.NAME));
        return new Snapshot(repo, commit, refs(repo, commit), path, manifest || partial, !partial, bytes);
    }

    /// Names of refs that point to a commit.
    private List<String> refs(HubRepo repo, String commit) throws IOException {
        Path folder = folder(repo).resolve("refs");
        List<String> names = new ArrayList<>();
        if (!Files.isDirectory(folder)) return names;
        for (String name : RelativeNames.below(folder)) if (commit.equals(resolve(repo, name))) names.add(name);
        return names;
    }

    /// Removes a snapshot with its refs, and the blobs that no other snapshot links to. Returns the bytes that became free.
    /// Blobs somebody is writing are left alone.
    public long remove(Snapshot snapshot) throws IOException {
        HubRepo repo = snapshot.repo();
        Path folder = folder(repo);
        long freed = 0;
        for (String ref : snapshot.refs()) Files.deleteIfExists(folder.resolve("refs").resolve(ref));
        Set<Path> linked = links(snapshot.path());
        for (Path file : tree(snapshot.path())) {
            if (Files.isRegularFile(file, java.nio.file.LinkOption.NOFOLLOW_LINKS)) freed += Files.size(file);
            Files.delete(file);
        }
        Files.deleteIfExists(partial(repo, snapshot.commit()));
        for (Path file : tree(folder.resolve(".no_exist").resolve(snapshot.commit()))) Files.delete(file);
        Set<Path> needed = new TreeSet<>();
        for (Snapshot other : snapshots(repo)) needed.addAll(links(other.path()));
        for (Path blob : linked) {
            if (needed.contains(blob) || !blob.startsWith(blobs(repo).toAbsolutePath().normalize()) || !Files.exists(blob)) continue;
            try (BlobLock lock = BlobLock.tryTake(lock(repo, blob.getFileName().toString()))) {
                if (lock == null) continue;
                freed += Files.size(blob);
                Files.delete(blob);
            }
        }
        return freed;
    }

    /// Where the links of a snapshot point.
    private static Set<Path> links(Path snapshot) throws IOException {
        Set<Path> blobs = new TreeSet<>();
        for (Path file : tree(snapshot)) {
            if (Files.isSymbolicLink(file)) blobs.add(file.toAbsolutePath().getParent().resolve(Files.readSymbolicLink(file)).normalize());
        }
        return blobs;
    }

    private static List<Path> children(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }

    /// Children before parents; links are not followed.
    private static List<Path> tree(Path root) throws IOException {
        if (!Files.exists(root)) return List.of();
        try (Stream<Path> files = Files.walk(root)) {
            return files.sorted(Comparator.reverseOrder()).toList();
        }
    }
}
