// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.store.AppendLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;

/// The write-ahead log of one tenant: the truth that everything else is rebuilt from.
///
/// Each entry is one checksummed record, so half a batch is never seen. Group commit: entries queued while a force is
/// running are written and forced together by the next one. A damaged log is copied to `quarantine/` and opened
/// read-only with the entries before the damage; a torn tail is cut. Thread-safe.
final class MemoryLog implements AutoCloseable {
    private final Path file;
    private final AppendLog log; // null when read-only from the start
    private final Object commit = new Object();
    private final List<byte[]> queue = new ArrayList<>(); // guarded by itself
    private long queued; // guarded by queue
    private long written; // guarded by commit
    private volatile String readOnly;

    private MemoryLog(Path file, AppendLog log, String readOnly) {
        this.file = file;
        this.log = log;
        this.readOnly = readOnly;
    }

    /// Replays the log into `replay`, creating it when there is none.
    static MemoryLog open(Path directory, Consumer<LogEntry> replay) throws IOException {
        Path file = directory.resolve("memory.log");
        List<byte[]> records = new ArrayList<>();
        AppendLog log = null;
        String damage = null;
        try {
            log = AppendLog.open(file, records::add);
        } catch (FaultException damaged) {
            damage = damaged.fault().what() + " (" + damaged.fault().where() + ")";
            records = AppendLog.readable(file);
        }
        for (byte[] record : records) {
            LogEntry entry;
            try {
                entry = LogEntry.decode(record);
            } catch (JacksonException unreadable) {
                damage = "an entry of the log is not readable: " + unreadable.getOriginalMessage();
                break;
            }
            replay.accept(entry);
        }
        if (damage != null) {
            if (log != null) log.close();
            Path quarantine = Files.createDirectories(directory.resolve("quarantine"));
            Path copy = quarantine.resolve("memory-" + Long.toHexString(Files.getLastModifiedTime(file).toMillis()) + ".log");
            if (!Files.exists(copy)) Files.copy(file, copy);
            return new MemoryLog(file, null, damage + "; a copy is in quarantine/" + copy.getFileName()
                    + "; restore memory.log from a backup, or delete it to start empty");
        }
        return new MemoryLog(file, log, null);
    }

    /// Null, or why nothing is written any more.
    String readOnly() {
        return readOnly;
    }

    void refuseWhenReadOnly() {
        if (readOnly != null) {
            throw Fault.of(ExpertsFault.MEMORY_READ_ONLY, "this memory does not take writes").got(readOnly).exception();
        }
    }

    /// Puts an entry in line, in the caller's order; returns the ticket to wait for.
    long enqueue(LogEntry entry) {
        byte[] bytes = entry.encode();
        if (bytes.length > AppendLog.MAX_RECORD) {
            throw Fault.of(ExpertsFault.INVALID_RECORD, "the batch is too long for one record").got(bytes.length + " bytes")
                    .expected("at most " + AppendLog.MAX_RECORD).next("append it in parts").exception();
        }
        synchronized (queue) {
            queue.add(bytes);
            return ++queued;
        }
    }

    /// Returns when the ticket's entry is on the device. A failed write makes the log read-only for good, since what
    /// the kernel still holds is unknown.
    void flush(long ticket) {
        synchronized (commit) {
            if (written >= ticket) return;
            refuseWhenReadOnly();
            List<byte[]> batch;
            long last;
            synchronized (queue) {
                batch = List.copyOf(queue);
                queue.clear();
                last = queued;
            }
            try {
                log.append(batch);
                written = last;
            } catch (IOException failed) {
                readOnly = "a write failed: " + failed.getMessage();
                throw Fault.of(ExpertsFault.MEMORY_SYNC_FAILED, "the memory could not be written").where(file)
                        .got(failed.getMessage()).next("free space or repair the disk, then restart").causedBy(failed);
            }
        }
    }

    void flush() {
        long last;
        synchronized (queue) {
            last = queued;
        }
        flush(last);
    }

    /// Replaces the log's content by these entries, atomically.
    void rewrite(List<LogEntry> entries) throws IOException {
        synchronized (commit) {
            refuseWhenReadOnly();
            log.rewrite(entries.stream().map(LogEntry::encode).toList());
        }
    }

    long size() throws IOException {
        return log == null ? Files.size(file) : log.size();
    }

    @Override
    public void close() throws IOException {
        if (log == null) return;
        if (readOnly == null) flush();
        log.close();
    }
}
