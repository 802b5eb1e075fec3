// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.store.WriterLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Stream;

/// The memory of one tenant: its directory, its writer lock, its log and what the log amounts to. Shares nothing with
/// another tenant but immutable configuration. Thread-safe: readers in parallel, one writer at a time.
final class TenantMemory implements AutoCloseable {
    private final Path directory;
    private final EmbeddedMemory.Settings settings;
    private final InstantSource clock;
    private final WriterLock lock;
    private final MemoryLog log;
    private final MemoryState state;
    private final Ulid ulids = new Ulid();
    private final ReentrantReadWriteLock guard = new ReentrantReadWriteLock();

    private TenantMemory(Path directory, EmbeddedMemory.Settings settings, WriterLock lock, MemoryLog log, MemoryState state) {
        this.directory = directory;
        this.settings = settings;
        this.clock = settings.clock();
        this.lock = lock;
        this.log = log;
        this.state = state;
    }

    static TenantMemory open(Path directory, EmbeddedMemory.Settings settings) throws IOException {
        Files.createDirectories(directory);
        WriterLock lock = WriterLock.tryAcquire(directory.resolve("LOCK")).orElseThrow(() ->
                Fault.of(ExpertsFault.MEMORY_LOCKED, "another process uses this memory").where(directory)
                        .next("stop it, or use another directory").exception());
        try {
            removeLeftovers(directory);
            MemoryState state = new MemoryState(settings.embedder());
            MemoryLog log = MemoryLog.open(directory, state::apply);
            TenantMemory memory = new TenantMemory(directory, settings, lock, log, state);
            if (state.unfinishedHardForget() && log.readOnly() == null) memory.rewrite();
            return memory;
        } catch (IOException | RuntimeException failed) {
            lock.close();
            throw failed;
        }
    }

    /// Temporary files of a crashed rewrite may hold text that was forgotten since.
    private static void removeLeftovers(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(path -> path.getFileName().toString().contains(".part-")).toList()) Files.delete(file);
        }
    }

    AppendAck append(TenantContext caller, AppendBatch batch) {
        BatchCheck.check(batch);
        log.refuseWhenReadOnly();
        LogEntry entry;
        long ticket;
        guard.writeLock().lock();
        try {
            LogEntry before = batch.idempotencyKey() == null ? null : state.acknowledged(batch.idempotencyKey());
            if (before != null) return new AppendAck(before.ids(), before.seq(), batch.durability());
            entry = prepare(caller, batch);
            ticket = log.enqueue(entry);
        } finally {
            guard.writeLock().unlock();
        }
        if (batch.durability() == AppendBatch.Durability.DURABLE) log.flush(ticket);
        else Thread.ofVirtual().start(() -> flushQuietly(ticket));
        return new AppendAck(entry.ids(), entry.seq(), batch.durability());
    }

    /// A FAST write that fails shows in the statistics and in the next write.
    private void flushQuietly(long ticket) {
        try {
            log.flush(ticket);
        } catch (RuntimeException failed) {
            System.getLogger(TenantMemory.class.getName()).log(System.Logger.Level.ERROR, "memory_write_failed " + failed.getMessage());
        }
    }

    /// Gives ids, reads facts, applies everything to the state. Each fact sees those before it in the batch.
    private LogEntry prepare(TenantContext caller, AppendBatch batch) {
        Instant now = clock.instant().truncatedTo(ChronoUnit.MILLIS);
        Owner owner = new Owner(caller.subject(), caller.conversation());
        List<String> ids = new ArrayList<>();
        List<Episode> episodes = new ArrayList<>();
        List<Fact> rows = new ArrayList<>();
        int turn = state.nextTurn(owner);
        for (AppendBatch.NewEpisode said : batch.episodes()) {
            String id = ulids.next(now.toEpochMilli());
            Instant at = said.at() == null ? now : said.at();
            List<PredicateTable.Statement> statements = settings.predicates().read(said.text());
            boolean command = !statements.isEmpty() && statements.stream().allMatch(one -> one.object() == null);
            episodes.add(new Episode(id, owner, turn++, said.origin(), said.text(), at, now, command));
            ids.add(id);
            for (PredicateTable.Statement one : statements) {
                believe(rows, owner, said.origin(), one.subject(), one.predicate().name(), one.object(),
                        one.predicate().functional(), at, now, List.of(id));
            }
        }
        for (AppendBatch.NewFact told : batch.facts()) {
            int first = rows.size();
            believe(rows, owner, told.origin(), told.subject(), told.predicate(), told.object(), told.functional(),
                    told.validFrom() == null ? now : told.validFrom(), now, List.of());
            ids.add(rows.size() > first ? rows.getLast().id() : "");
        }
        LogEntry entry = new LogEntry(state.seq() + 1, batch.idempotencyKey(), ids, episodes, rows, null, null);
        state.apply(new LogEntry(entry.seq(), entry.key(), ids, episodes, null, null, null));
        return entry;
    }

    private void believe(List<Fact> rows, Owner owner, Origin origin, String subject, String predicate, String object,
            boolean functional, Instant from, Instant now, List<String> sources) {
        List<Fact> changes = state.facts.plan(owner, origin, subject, predicate, object, functional, from, now, sources,
                () -> ulids.next(now.toEpochMilli()));
        state.apply(new LogEntry(state.seq(), null, null, null, changes, null, null));
        rows.addAll(changes);
    }

    /// For fitting the gate.
    MemoryState state() {
        return state;
    }

    RecallResult recall(TenantContext caller, RecallQuery query) {
        guard.readLock().lock();
        try {
            return Recaller.recall(state, settings.predicates(), settings.gate(), caller, query, clock.instant());
        } finally {
            guard.readLock().unlock();
        }
    }

    List<Fact> facts(TenantContext caller, FactQuery query) {
        guard.readLock().lock();
        try {
            Instant now = clock.instant();
            return state.facts.query(query.subject(), query.predicate(), query.asOf() == null ? now : query.asOf(),
                    query.knownAt() == null ? now : query.knownAt()).stream().filter(row -> row.owner().visibleTo(caller)).toList();
        } finally {
            guard.readLock().unlock();
        }
    }

    ForgetCertificate forget(ForgetSelector selector, ForgetMode mode) throws IOException {
        log.refuseWhenReadOnly();
        Instant requested = clock.instant().truncatedTo(ChronoUnit.MILLIS);
        guard.writeLock().lock(); // held throughout: no reader may see an id after this returned, no writer may interleave
        try {
            Set<String> ids = state.select(selector);
            List<String> probes = new ArrayList<>();
            int episodes = 0;
            for (String id : ids) {
                if (state.episodes.containsKey(id)) episodes++;
                probes.add(state.text(id));
            }
            LogEntry entry = LogEntry.forget(state.seq() + 1, List.copyOf(ids), mode);
            long ticket = log.enqueue(entry);
            log.flush(ticket);
            state.apply(entry);
            boolean verified = false;
            if (mode == ForgetMode.HARD) {
                rewrite();
                verified = FileScan.absent(directory, ids, probes, state);
            }
            return Certificates.issue(directory, selector, mode, requested, clock.instant().truncatedTo(ChronoUnit.MILLIS),
                    episodes, ids.size() - episodes, verified, ulids.next(requested.toEpochMilli()));
        } finally {
            guard.writeLock().unlock();
        }
    }

    /// Leaves only live records in the log, and drops quarantined copies, which may hold anything.
    private void rewrite() throws IOException {
        log.flush();
        log.rewrite(state.entries());
        state.rewritten();
        Path quarantine = directory.resolve("quarantine");
        if (!Files.isDirectory(quarantine)) return;
        try (Stream<Path> files = Files.list(quarantine)) {
            for (Path file : files.toList()) Files.delete(file);
        }
    }

    MemoryStats stats() {
        guard.readLock().lock();
        try {
            int current = (int) state.facts.all().stream().filter(row -> row.retractedAt() == null).count();
            return new MemoryStats(state.episodes.size(), current, state.seq(), log.size(), log.readOnly());
        } catch (IOException unreadable) {
            return new MemoryStats(state.episodes.size(), 0, state.seq(), -1, "the log cannot be read: " + unreadable.getMessage());
        } finally {
            guard.readLock().unlock();
        }
    }

    @Override
    public void close() throws IOException {
        try (lock) {
            log.close();
        }
    }
}
