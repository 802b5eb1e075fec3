// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.expert;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.generate.AdapterPool;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/// Experts in an engine's adapter pool. Reading an adapter happens outside the lock, so requests go on meanwhile.
///
/// Every load gets a slot of its own in the pool; a name is switched to the new slot before the old one is given up,
/// so that what a request says about its expert and the adapter it runs always agree.
public final class PoolExperts implements Experts {
    private record Entry(Expert facts, String slot, AtomicLong hits) {
        Expert now() {
            return new Expert(
                    facts.name(), facts.version(), facts.hash(), facts.baseHash(), facts.modules(), facts.rank(), facts.bytes(),
                    facts.source(), facts.loadedAt(), hits.get());
        }
    }

    private final AdapterPool pool;
    private final AtomicLong slots = new AtomicLong();
    private final TreeMap<String, Entry> entries = new TreeMap<>();
    private final Runnable changed;

    public PoolExperts(AdapterPool pool) {
        this(pool, () -> { });
    }

    /// `changed` is told, on the changing thread, after a name came, went or points at another adapter.
    public PoolExperts(AdapterPool pool, Runnable changed) {
        this.pool = pool;
        this.changed = changed;
    }

    @Override
    public synchronized List<Expert> list() {
        List<Expert> all = new ArrayList<>();
        for (Entry entry : entries.values()) all.add(entry.now());
        return all;
    }

    @Override
    public synchronized Optional<Expert> find(String name) {
        return Optional.ofNullable(entries.get(name)).map(Entry::now);
    }

    @Override
    public synchronized Optional<Hold> acquire(String name) {
        Entry entry = entries.get(name);
        if (entry == null) return Optional.empty();
        entry.hits().incrementAndGet();
        return Optional.of(new Held(entry.facts(), pool.acquire(entry.slot())));
    }

    @Override
    public Expert load(String name, String version, Path directory, String source) throws IOException {
        String slot = name + "#" + slots.incrementAndGet();
        Adapter adapter = pool.load(slot, directory);
        Entry entry = new Entry(facts(name, version, adapter, source), slot, new AtomicLong());
        Entry replaced;
        synchronized (this) {
            replaced = entries.put(name, entry);
        }
        changed.run();
        if (replaced != null) pool.unload(replaced.slot(), AdapterPool.Unload.DRAIN);
        return entry.now();
    }

    @Override
    public boolean unload(String name) {
        Entry gone;
        synchronized (this) {
            gone = entries.remove(name);
        }
        if (gone == null) return false;
        changed.run();
        pool.unload(gone.slot(), AdapterPool.Unload.DRAIN);
        return true;
    }

    private static Expert facts(String name, String version, Adapter adapter, String source) {
        int rank = 0;
        for (Delta delta : adapter.entries().values()) {
            rank = Math.max(rank, delta.update().rank());
        }
        return new Expert(
                name, version, adapter.hash(), adapter.baseHash(), adapter.entries().size(), rank, adapter.bytes(), source,
                Instant.now(), 0);
    }

    private record Held(Expert expert, AdapterPool.Lease lease) implements Hold {
        @Override
        public Adapter adapter() {
            return lease.adapter();
        }

        @Override
        public void close() {
            lease.close();
        }
    }
}
