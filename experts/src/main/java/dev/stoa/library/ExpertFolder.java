// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.store.AtomicPointer;
import dev.stoa.store.Digest;
import dev.stoa.store.Disk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;

/// The files of one expert and their repair after a crash. `history.jsonl` is the truth about versions and states;
/// `versions/*.json` and `active.json` repeat parts of it in a form that is read with one small read, and decide
/// where the history was cut short. Writing needs the library's lock.
final class ExpertFolder {
    /// `versions/<version>.json`.
    record VersionFile(String manifest) {}

    private final Path directory;
    private final Path historyFile;
    private final Path versionsDirectory;
    private final AtomicPointer pointer;
    private final Disk disk;

    ExpertFolder(Path directory, Disk disk) {
        this.directory = directory;
        this.disk = disk;
        this.historyFile = directory.resolve("history.jsonl");
        this.versionsDirectory = directory.resolve("versions");
        this.pointer = new AtomicPointer(directory.resolve("active.json"), disk);
    }

    String name() {
        return directory.getFileName().toString();
    }

    /// Creates the directories; an empty folder is an expert without versions and is not listed.
    void create() throws IOException {
        Files.createDirectories(versionsDirectory);
        disk.forceDirectory(directory);
        disk.forceDirectory(directory.getParent());
    }

    long historyBytes() throws IOException {
        try {
            return Files.size(historyFile);
        } catch (NoSuchFileException absent) {
            return 0;
        }
    }

    History history() throws IOException {
        try {
            return History.parse(historyFile, Files.readAllBytes(historyFile));
        } catch (NoSuchFileException absent) {
            return History.parse(historyFile, new byte[0]);
        }
    }

    /// The pointer as it stands, or empty when there is none or it is not readable.
    Optional<Active> pointer() throws IOException {
        Optional<byte[]> content = pointer.read();
        if (content.isEmpty()) return Optional.empty();
        try {
            Active active = Json.MAPPER.readValue(content.get(), Active.class);
            boolean whole = active != null && active.generation() > 0
                    && (active.version() == null
                            || Names.isVersion(active.version()) && Digest.isHash(active.manifest()));
            return whole ? Optional.of(active) : Optional.empty();
        } catch (JacksonException damaged) {
            return Optional.empty();
        }
    }

    void pointTo(Active active) throws IOException {
        pointer.replace(Json.pretty(active));
    }

    /// Adds lines after `history` with one write; returns the history that includes them.
    History append(History history, HistoryLine... added) throws IOException {
        ByteArrayOutputStream batch = new ByteArrayOutputStream();
        long seq = history.lines().size();
        String head = history.head();
        for (HistoryLine line : added) {
            byte[] text = Json.line(line.chained(++seq, head));
            head = Digest.of(text);
            batch.writeBytes(text);
            batch.write('\n');
        }
        disk.append(historyFile, batch.toByteArray());
        if (history.lines().isEmpty()) disk.forceDirectory(directory); // the file's own name
        return history();
    }

    void writeVersion(String version, String manifest) throws IOException {
        disk.replace(versionsDirectory.resolve(version + ".json"), Json.line(new VersionFile(manifest)));
    }

    /// Brings the files back into agreement; returns whether anything had to be written.
    boolean recover() throws IOException {
        History history = history();
        boolean changed = false;
        if (historyBytes() > history.wholeBytes()) {
            disk.truncate(historyFile, history.wholeBytes());
            changed = true;
        }
        Optional<Active> now = pointer();
        if (history.pending() != null) {
            long generation = history.pending().generation();
            boolean switched = now.isPresent() && now.get().generation() == generation;
            history = append(history, HistoryLine.closed(
                    switched ? HistoryLine.Event.COMMIT : HistoryLine.Event.ABORT, generation));
            disk.forceDirectory(directory); // the crash may have come before the pointer's rename was durable
            changed = true;
        }
        Map<String, String> files = versionFiles();
        changed |= recoverVersions(history, files);
        history = history();
        Active committed = history.active();
        if (now.isPresent() && (committed == null || now.get().generation() > committed.generation())) {
            HistoryLine[] lost = lostSwitch(now.get(), committed);
            if (lost.length > 0) history = append(history, lost);
            changed |= lost.length > 0;
        } else if (committed != null && !committed.equals(now.orElse(null))) {
            pointTo(committed);
            changed = true;
        }
        for (Map.Entry<String, History.Entry> entry : history.versions().entrySet()) {
            if (entry.getValue().manifest().equals(files.get(entry.getKey()))) continue;
            Files.createDirectories(versionsDirectory);
            writeVersion(entry.getKey(), entry.getValue().manifest());
            changed = true;
        }
        return changed;
    }

    /// Lines for a switch that the pointer shows and the history has lost. Why a version was withdrawn is lost too, so
    /// it may not come back by a rollback: it counts as rejected.
    private static HistoryLine[] lostSwitch(Active now, Active committed) {
        if (now.version() != null) {
            return new HistoryLine[] {
                HistoryLine.recovered(now.version(), now.manifest(), State.PUBLISHED, now.generation())
            };
        }
        if (committed == null || committed.version() == null) return new HistoryLine[0];
        return new HistoryLine[] {
            HistoryLine.intent(now, committed.version(), State.REJECTED, "history was damaged", List.of()),
            HistoryLine.closed(HistoryLine.Event.COMMIT, now.generation())
        };
    }

    /// A version whose lines are gone comes back as trained: its gates have to be passed again.
    private boolean recoverVersions(History history, Map<String, String> files) throws IOException {
        List<HistoryLine> lost = files.entrySet().stream()
                .filter(file -> file.getValue() != null && !history.versions().containsKey(file.getKey()))
                .map(file -> HistoryLine.recovered(file.getKey(), file.getValue(), State.TRAINED, null)).toList();
        if (!lost.isEmpty()) append(history, lost.toArray(HistoryLine[]::new));
        return !lost.isEmpty();
    }

    /// Version to manifest hash, or to null where the file is damaged.
    private Map<String, String> versionFiles() throws IOException {
        Map<String, String> found = new TreeMap<>();
        if (!Files.isDirectory(versionsDirectory)) return found;
        try (var files = Files.list(versionsDirectory)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (!name.endsWith(".json") || !Names.isVersion(name.substring(0, name.length() - 5))) continue;
                String manifest;
                try {
                    VersionFile content = Json.MAPPER.readValue(Files.readAllBytes(file), VersionFile.class);
                    manifest = content != null && Digest.isHash(content.manifest()) ? content.manifest() : null;
                } catch (JacksonException damaged) {
                    manifest = null;
                }
                found.put(name.substring(0, name.length() - 5), manifest);
            }
        }
        return found;
    }
}
