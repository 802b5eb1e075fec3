// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.store.AtomicPointer;
import dev.stoa.store.BlobStore;
import dev.stoa.store.Disk;
import dev.stoa.store.WriterLock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// The experts of one place on disk: immutable versions by content, their states, and which version serves.
///
/// Any number of processes may read while one writes; writers take an operating-system lock for each operation and
/// wait for each other. Every change survives a crash at any byte: [#open] completes or undoes what was begun.
/// Thread-safe. A server polls [#generation] and, when it has moved, reads [#actives] again; requests in flight keep
/// the version they started with.
///
/// ```
/// objects/sha256/ab/<hash>   experts/<name>/{versions/<v>.json, active.json, history.jsonl}
/// evidence/<kind>/<run>.json   mounts/<manifest hash>/   index.json   generation   lock
/// ```
public final class Library implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private final Path root;
    private final Disk disk;
    private final BlobStore blobs;
    private final LibraryIndex index;
    private final AtomicPointer generation;
    private final Mounts mounts;

    /// Work done while this process is the only writer.
    private interface Write<T> {
        T run() throws IOException;
    }

    private Library(Path root, Disk disk) throws IOException {
        this.root = root;
        this.disk = disk;
        if (!Files.isDirectory(root.resolve("experts"))) {
            for (String part : List.of("objects/sha256", "evidence", "mounts", "experts")) {
                Files.createDirectories(root.resolve(part));
                disk.forceDirectory(root.resolve(part).getParent());
            }
        }
        this.blobs = new BlobStore(root.resolve("objects"), disk);
        this.index = LibraryIndex.read(root.resolve("index.json"), disk);
        this.generation = new AtomicPointer(root.resolve("generation"), disk);
        this.mounts = new Mounts(root.resolve("mounts"), blobs, disk);
    }

    /// Opens or creates a library. Repairs what a crash left, unless another process is writing at this moment.
    public static Library open(Path directory) throws IOException {
        return open(directory, Disk.local());
    }

    static Library open(Path directory, Disk disk) throws IOException {
        Library library = new Library(directory, disk);
        Optional<WriterLock> lock = WriterLock.tryAcquire(directory.resolve("lock"));
        if (lock.isPresent()) {
            try (WriterLock _ = lock.get()) {
                for (String name : library.names()) library.refresh(name, true);
                library.index.write();
            }
        }
        return library;
    }

    // ---- reading ----

    /// One row per expert, by name. An expert whose files are damaged has a row that says so.
    public List<ExpertRow> list() throws IOException {
        List<ExpertRow> rows = new ArrayList<>();
        for (String name : names()) {
            ExpertRow row = refresh(name, false);
            if (row != null) rows.add(row);
        }
        return rows;
    }

    /// One version, or empty when there is none. A damaged manifest is a [FaultException] naming its blob.
    public Optional<ExpertVersion> find(String name, String version) throws IOException {
        if (!Names.isName(name) || !Names.isVersion(version)) return Optional.empty();
        History.Entry entry = folder(name).history().versions().get(version);
        return entry == null ? Optional.empty() : Optional.of(version(entry));
    }

    /// All versions of an expert, oldest first; empty when there is no such expert.
    public List<ExpertVersion> versions(String name) throws IOException {
        if (!Names.isName(name)) return List.of();
        List<ExpertVersion> all = new ArrayList<>();
        for (History.Entry entry : folder(name).history().versions().values()) all.add(version(entry));
        return all;
    }

    /// Which version serves, or empty when none does.
    public Optional<Active> active(String name) throws IOException {
        if (!Names.isName(name)) return Optional.empty();
        ExpertFolder folder = folder(name);
        Optional<Active> now = folder.pointer();
        if (now.isEmpty()) now = Optional.ofNullable(folder.history().active());
        return now.filter(active -> active.version() != null);
    }

    /// The serving version of every expert that has one.
    public Map<String, Active> actives() throws IOException {
        Map<String, Active> all = new TreeMap<>();
        for (String name : names()) active(name).ifPresent(active -> all.put(name, active));
        return all;
    }

    /// Everything that happened to an expert, oldest first; the chain of hashes has been checked.
    public List<HistoryLine> history(String name) throws IOException {
        return Names.isName(name) ? folder(name).history().lines() : List.of();
    }

    /// A number that grows whenever any expert's serving version changes. One small read.
    public long generation() throws IOException {
        Optional<byte[]> content = generation.read();
        String text = content.map(bytes -> new String(bytes, StandardCharsets.US_ASCII).strip()).orElse("");
        return text.matches("\\d{1,18}") ? Long.parseLong(text) : 0;
    }

    /// A directory with the files of a version, verified now, that PEFT and the adapter pool can load. The directory
    /// stays valid and unchanged as long as the library exists. A revoked version is refused.
    public Path materialize(String name, String version) throws IOException {
        ExpertVersion found = require(name, version);
        if (found.state() == State.REVOKED) {
            throw Fault.of(ExpertsFault.EXPERT_REVOKED, "%s@%s was revoked and may not be mounted", name, version)
                    .next("choose another version: stoa expert ls").exception();
        }
        return mounts.directory(found.manifest(), found.manifestHash());
    }

    // ---- writing ----

    /// Stores a new version with the files of a PEFT directory, which is read and checked. Its state becomes `trained`.
    public ExpertVersion add(Manifest draft, Path adapterDirectory) throws IOException {
        return add(draft, adapterDirectory, AdapterFacts.read(adapterDirectory));
    }

    /// The same for an adapter whose facts are known, because it was just read or written.
    public ExpertVersion add(Manifest draft, Path adapterDirectory, AdapterFacts facts) throws IOException {
        if (facts.baseHash() != null && !facts.baseHash().equals(draft.base().baseHash())) {
            throw Fault.of(ExpertsFault.MANIFEST_INVALID, "the adapter names another base than its manifest")
                    .where(adapterDirectory)
                    .got(facts.baseHash()).expected(draft.base().baseHash()).exception();
        }
        List<Path> files = AdapterFiles.of(adapterDirectory);
        return writing(() -> {
            ExpertFolder folder = folder(draft.name());
            folder.create();
            refresh(draft.name(), true);
            History history = folder.history();
            if (history.versions().containsKey(draft.version())) {
                throw Fault.of(ExpertsFault.VERSION_EXISTS, "%s@%s is already in the library", draft.name(),
                        draft.version())
                        .where(root).next("versions are immutable: choose the next version number").exception();
            }
            List<Manifest.StoredFile> stored = new ArrayList<>();
            for (Path file : files) {
                stored.add(new Manifest.StoredFile(file.getFileName().toString(), blobs.put(file), Files.size(file)));
            }
            Manifest manifest = draft.withAdapter(facts.part(stored));
            String hash = blobs.put(manifest.toJson());
            folder.append(history, HistoryLine.added(draft.version(), hash, State.TRAINED));
            folder.writeVersion(draft.version(), hash);
            refresh(draft.name(), false);
            return new ExpertVersion(manifest, hash, State.TRAINED, manifest.evidence());
        });
    }

    /// Changes the state of a version that does not serve. Moves into and out of `published` are switches:
    /// [#publish], [#rollback], [#withdraw].
    public void move(String name, String version, State to, String reason, List<Evidence> evidence) throws IOException {
        writing(() -> {
            ExpertFolder folder = repaired(name);
            History.Entry entry = requireEntry(folder, name, version);
            if (entry.state() == State.PUBLISHED || to == State.PUBLISHED || !entry.state().next().contains(to)) {
                throw refused(name, version, entry.state(), to);
            }
            folder.append(folder.history(), HistoryLine.moved(version, to, reason, evidence));
            refresh(name, false);
            return null;
        });
    }

    /// Makes a version that is `gating` the serving one; the version that served becomes `superseded`.
    public Active publish(String name, String version, List<Evidence> evidence) throws IOException {
        return writing(() -> {
            ExpertFolder folder = repaired(name);
            History.Entry entry = requireEntry(folder, name, version);
            if (entry.state() != State.GATING) throw refused(name, version, entry.state(), State.PUBLISHED);
            return switchTo(folder, version, State.SUPERSEDED, "publish", evidence);
        });
    }

    /// Goes back to `to`, or to the newest superseded version on the same base whose evidence was all 0. The version
    /// left becomes `rejected`, with the evidence. When there is no such version nothing changes.
    public Active rollback(String name, Optional<String> to, List<Evidence> evidence) throws IOException {
        return writing(() -> {
            ExpertFolder folder = repaired(name);
            History history = folder.history();
            Active now = history.active();
            if (now == null || now.version() == null) {
                throw Fault.of(ExpertsFault.NO_ROLLBACK_TARGET, "expert %s has no active version to leave", name)
                        .where(root)
                        .exception();
            }
            String base = version(history.versions().get(now.version())).manifest().base().baseHash();
            List<String> issues = new ArrayList<>();
            String target = null;
            for (Map.Entry<String, History.Entry> candidate : history.versions().entrySet()) {
                if (to.isPresent() && !to.get().equals(candidate.getKey())) continue;
                String obstacle = obstacle(version(candidate.getValue()), base);
                if (obstacle == null) target = candidate.getKey();
                else issues.add(candidate.getKey() + ": " + obstacle);
            }
            if (target == null) {
                throw Fault.of(ExpertsFault.NO_ROLLBACK_TARGET, "no version of %s can take over from %s", name,
                        now.version())
                        .where(root).expected("a superseded version on base " + base + " whose evidence is 0")
                        .issues(to.isPresent() && issues.isEmpty() ? List.of(to.get() + ": unknown version") : issues)
                        .exception();
            }
            return switchTo(folder, target, State.REJECTED, "rollback", evidence);
        });
    }

    /// Takes the serving version out of service: `revoked` (it may never be mounted again) or `base_only`.
    public void withdraw(String name, State to, String reason, List<Evidence> evidence) throws IOException {
        writing(() -> {
            ExpertFolder folder = repaired(name);
            Active now = folder.history().active();
            boolean serving = now != null && now.version() != null;
            if (!serving || to != State.REVOKED && to != State.BASE_ONLY) {
                String version = serving ? now.version() : null;
                throw refused(name, version, serving ? State.PUBLISHED : null, to);
            }
            return switchTo(folder, null, to, reason, evidence);
        });
    }

    /// Keeps a gate's report: as a blob, and under its run id for people. Returns the blob's hash.
    public String keepReport(String kind, String runId, byte[] json) throws IOException {
        Names.requireName("report kind", kind);
        if (!runId.matches("[0-9A-Za-z-]{1,64}")) throw new IllegalArgumentException("not a run id: " + runId);
        Path directory = root.resolve("evidence").resolve(kind);
        Files.createDirectories(directory);
        String hash = blobs.put(json);
        disk.replace(directory.resolve(runId + ".json"), json);
        return hash;
    }

    /// A blob of this library, such as a report, verified.
    public byte[] blob(String hash) throws IOException {
        return blobs.read(hash);
    }

    /// Leaves the index behind for the next process; nothing else depends on closing.
    @Override
    public void close() throws IOException {
        Optional<WriterLock> lock = WriterLock.tryAcquire(root.resolve("lock"));
        if (lock.isEmpty()) return;
        try (WriterLock _ = lock.get()) {
            index.write();
        }
    }

    // ---- inside ----

    private <T> T writing(Write<T> work) throws IOException {
        try (WriterLock _ = WriterLock.acquire(root.resolve("lock"), PATIENCE)) {
            return work.run();
        }
    }

    /// intent → pointer → generation → commit: a crash before the pointer aborts, after it completes.
    private Active switchTo(ExpertFolder folder, String version, State leaves, String reason, List<Evidence> evidence)
            throws IOException {
        History history = folder.history();
        long last = Math.max(history.active() == null ? 0 : history.active().generation(),
                folder.pointer().map(Active::generation).orElse(0L));
        String manifest = version == null ? null : history.versions().get(version).manifest();
        if (manifest != null) version(history.versions().get(version)); // never point at a damaged manifest
        Active next = new Active(version, manifest, last + 1);
        String from = history.active() == null ? null : history.active().version();
        history = folder.append(history, HistoryLine.intent(next, from, from == null ? null : leaves, reason,
                evidence));
        folder.pointTo(next);
        advance();
        folder.append(history, HistoryLine.closed(HistoryLine.Event.COMMIT, next.generation()));
        refresh(folder.name(), false);
        return next;
    }

    private void advance() throws IOException {
        long next = Math.max(generation() + 1, System.currentTimeMillis()); // grows even when the file was lost
        generation.replace(Long.toString(next).getBytes(StandardCharsets.US_ASCII));
    }

    private static String obstacle(ExpertVersion candidate, String base) {
        if (candidate.state() != State.SUPERSEDED) return "is " + candidate.state().id();
        if (!base.equals(candidate.manifest().base().baseHash())) return "was made for another base";
        Map<String, Integer> latest = new TreeMap<>();
        candidate.evidence().forEach(evidence -> latest.put(evidence.kind(), evidence.status()));
        if (latest.isEmpty()) return "has no gate evidence";
        latest.values().removeIf(status -> status == 0);
        return latest.isEmpty() ? null : "did not pass " + latest.keySet();
    }

    private List<String> names() throws IOException {
        try (var folders = Files.list(root.resolve("experts"))) {
            return folders.map(path -> path.getFileName().toString()).filter(Names::isName).sorted().toList();
        }
    }

    private ExpertFolder folder(String name) {
        Names.requireName("expert", name);
        return new ExpertFolder(root.resolve("experts").resolve(name), disk);
    }

    private ExpertFolder repaired(String name) throws IOException {
        refresh(name, true);
        return folder(name);
    }

    /// The row of an expert, from the index while it is up to date; null for a folder without versions. With `repair`
    /// (under the lock) an expert that changed since its row was made is brought into agreement first.
    private ExpertRow refresh(String name, boolean repair) throws IOException {
        ExpertFolder folder = folder(name);
        long bytes = folder.historyBytes();
        ExpertRow row = index.find(name, bytes);
        if (row != null) return row;
        try {
            if (repair && folder.recover()) advance();
            bytes = folder.historyBytes();
            History history = folder.history();
            if (history.versions().isEmpty()) return null;
            row = row(name, folder, history);
            boolean settled = history.pending() == null && history.wholeBytes() == bytes;
            if (settled) index.put(name, bytes, row);
            return row;
        } catch (FaultException damaged) {
            return new ExpertRow(name, null, null, false, null, 0, null, List.of(), 0, damaged.fault().oneLine());
        }
    }

    private ExpertRow row(String name, ExpertFolder folder, History history) throws IOException {
        Active now = folder.pointer().orElse(history.active());
        boolean serves = now != null && now.version() != null && history.versions().containsKey(now.version());
        String shown = serves ? now.version() : List.copyOf(history.versions().keySet()).getLast();
        ExpertVersion version = version(history.versions().get(shown));
        Double uplift = null;
        for (Evidence evidence : version.evidence()) {
            if (evidence.kind().equals(Evidence.UPLIFT)) uplift = evidence.value();
        }
        Manifest manifest = version.manifest();
        return new ExpertRow(name, shown, version.state(), serves, uplift, manifest.adapter().bytes(),
                manifest.base().baseHash(), manifest.domains(), now == null ? 0 : now.generation(), null);
    }

    private ExpertVersion version(History.Entry entry) throws IOException {
        Manifest manifest = Manifest.parse(blobs.read(entry.manifest()), blobs.path(entry.manifest()));
        Fault.require(manifest.adapter() != null, ExpertsFault.MANIFEST_INVALID, "manifest %s lists no adapter files",
                entry.manifest());
        List<Evidence> evidence = new ArrayList<>(manifest.evidence());
        evidence.addAll(entry.evidence());
        return new ExpertVersion(manifest, entry.manifest(), entry.state(), List.copyOf(evidence));
    }

    private ExpertVersion require(String name, String version) throws IOException {
        return version(requireEntry(folder(name), name, version));
    }

    private History.Entry requireEntry(ExpertFolder folder, String name, String version) throws IOException {
        Names.requireVersion(version);
        Map<String, History.Entry> versions = folder.history().versions();
        if (versions.containsKey(version)) return versions.get(version);
        throw Fault.of(ExpertsFault.UNKNOWN_EXPERT, "%s@%s is not in the library", name, version).where(root)
                .expected(versions.isEmpty() ? "one of " + names() : "one of " + versions.keySet()).exception();
    }

    private static RuntimeException refused(String name, String version, State from, State to) {
        return Fault.of(ExpertsFault.STATE_MOVE_REFUSED, "%s@%s cannot move from %s to %s", name,
                        version == null ? "(no active version)" : version, from == null ? "nothing" : from.id(),
                        to.id())
                .expected(from == null ? "an active version" : "one of " + from.next().stream().map(State::id).toList())
                .exception();
    }
}
