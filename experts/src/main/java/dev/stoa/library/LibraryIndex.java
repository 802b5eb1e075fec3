// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.core.JacksonException;

/// A cache of [ExpertRow]s beside the experts, so that a listing reads one file instead of thousands. A row counts
/// only while its expert's history has the length it had when the row was made; histories only grow, so a stale or
/// missing index costs time and never correctness. Thread-safe.
final class LibraryIndex {
    record Slot(long historyBytes, ExpertRow row) {}

    record Content(String schema, Map<String, Slot> experts) {}

    private static final String SCHEMA = "stoa.index/1";
    private final Path file;
    private final Disk disk;
    private final Map<String, Slot> slots = new ConcurrentHashMap<>();
    private volatile boolean changed;

    private LibraryIndex(Path file, Disk disk) {
        this.file = file;
        this.disk = disk;
    }

    static LibraryIndex read(Path file, Disk disk) throws IOException {
        LibraryIndex index = new LibraryIndex(file, disk);
        try {
            Content content = Json.MAPPER.readValue(Files.readAllBytes(file), Content.class);
            if (content != null && SCHEMA.equals(content.schema()) && content.experts() != null) {
                content.experts().forEach((name, slot) -> {
                    if (Names.isName(name) && slot != null && slot.row() != null) index.slots.put(name, slot);
                });
            }
        } catch (NoSuchFileException | JacksonException rebuilt) {
            index.changed = true;
        }
        return index;
    }

    /// The row made when the history had this length, or null.
    ExpertRow find(String name, long historyBytes) {
        Slot slot = slots.get(name);
        return slot != null && slot.historyBytes() == historyBytes ? slot.row() : null;
    }

    void put(String name, long historyBytes, ExpertRow row) {
        slots.put(name, new Slot(historyBytes, row));
        changed = true;
    }

    void write() throws IOException {
        if (!changed) return;
        changed = false;
        disk.replace(file, Json.line(new Content(SCHEMA, new TreeMap<>(slots))));
    }
}
