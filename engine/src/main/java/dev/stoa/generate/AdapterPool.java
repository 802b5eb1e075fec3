// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.model.AdapterLoader;
import dev.stoa.model.DoraFactors;
import dev.stoa.model.Model;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/// Adapters in memory by name. A name points to one version; loading under a name that exists swaps the pointer, new
/// requests get the new version and running ones keep theirs. Memory is returned when the last name and the last
/// lease are gone. Thread-safe; loading never blocks requests.
public final class AdapterPool implements AutoCloseable {
    /// What happens to running requests when a name is unloaded: they finish, or they are cancelled.
    public enum Unload { DRAIN, NOW }

    /// The right to use an adapter; it stays in memory until closed. Closing twice is harmless.
    public interface Lease extends AutoCloseable {
        Adapter adapter();

        @Override
        void close();
    }

    /// Fills a scope with an adapter's tensors; the scope is closed again if this throws.
    interface Loader<E extends Exception> {
        Adapter load(Scope scope) throws E;
    }

    /// One loaded content: how many names point to it, how many leases are out.
    private static final class Resident {
        final Adapter adapter;
        final Scope scope;
        int names;
        int leases;

        Resident(Adapter adapter, Scope scope) {
            this.adapter = adapter;
            this.scope = scope;
        }
    }

    private final Model model;
    private final Ledger ledger;
    private final int maxRank;
    private final Consumer<Adapter> cancelUsers;
    private final SortedMap<String, Resident> byName = new TreeMap<>();
    private final Map<Adapter, Resident> resident = new IdentityHashMap<>();

    AdapterPool(Model model, Ledger ledger, int maxRank, Consumer<Adapter> cancelUsers) {
        this.model = model;
        this.ledger = ledger;
        this.maxRank = maxRank;
        this.cancelUsers = cancelUsers;
    }

    /// Reads an adapter directory or file of any dialect, checks it against the model and points `name` to it. On failure nothing has changed.
    public Adapter load(String name, Path directory) throws IOException {
        return this.<IOException>load(name, scope -> AdapterLoader.read(directory, model, scope));
    }

    /// Checks what `loader` reads against the model and points `name` to it. On failure nothing has changed.
    <E extends Exception> Adapter load(String name, Loader<E> loader) throws E {
        Scope scope = ledger.scope("adapter " + name);
        boolean kept = false;
        try {
            Adapter read = loader.load(scope);
            AdapterCheck.check(read, model, maxRank, name);
            Adapter adapter = DoraFactors.resolve(read, model, scope);
            Adapter now = publish(name, new Resident(adapter, scope));
            kept = now == adapter;
            return now;
        } finally {
            if (!kept) scope.close();
        }
    }

    /// The version `name` points to now, or null. It stays usable while some name or lease holds it.
    public synchronized Adapter find(String name) {
        Resident found = byName.get(name);
        return found == null ? null : found.adapter;
    }

    /// Takes a lease on the version `name` points to now.
    public synchronized Lease acquire(String name) {
        Resident found = byName.get(name);
        if (found == null) throw unknown(name);
        found.leases++;
        return new Held(this, found);
    }

    /// Takes `name` away. With NOW, requests that use its version are cancelled; either way its memory is returned
    /// when the last of them has let go.
    public void unload(String name, Unload mode) {
        Resident gone;
        synchronized (this) {
            gone = byName.remove(name);
            if (gone == null) throw unknown(name);
            dropName(gone);
        }
        if (mode == Unload.NOW) cancelUsers.accept(gone.adapter);
    }

    /// Names in use, sorted, with the version each points to.
    public synchronized SortedMap<String, Adapter> list() {
        SortedMap<String, Adapter> names = new TreeMap<>();
        byName.forEach((name, held) -> names.put(name, held.adapter));
        return names;
    }

    /// Leases out now; zero when nothing runs.
    public synchronized int leases() {
        int sum = 0;
        for (Resident held : resident.values()) sum += held.leases;
        return sum;
    }

    /// Leases on every member that lives in this pool. Adapters from elsewhere belong to the caller, who keeps them
    /// open; one whose memory is already gone is refused.
    synchronized List<Lease> lease(AdapterSet set) {
        for (AdapterSet.Member member : set.members()) {
            if (!resident.containsKey(member.adapter()) && !AdapterCheck.alive(member.adapter())) {
                throw Fault.of(EngineFault.UNKNOWN_ADAPTER, "the adapter was unloaded").got(member.adapter().hash()).exception();
            }
        }
        List<Lease> leases = new ArrayList<>();
        for (AdapterSet.Member member : set.members()) {
            Resident held = resident.get(member.adapter());
            if (held == null) continue;
            held.leases++;
            leases.add(new Held(this, held));
        }
        return leases;
    }

    /// Equal content under two names is held once; returns the copy that serves.
    private synchronized Adapter publish(String name, Resident loaded) {
        Resident serving = loaded;
        for (Resident other : resident.values()) if (other.adapter.hash().equals(loaded.adapter.hash())) serving = other;
        serving.names++;
        resident.put(serving.adapter, serving);
        Resident before = byName.put(name, serving);
        if (before != null) dropName(before);
        return serving.adapter;
    }

    private void dropName(Resident held) {
        held.names--;
        freeIfUnused(held);
    }

    private synchronized void giveBack(Resident held) {
        held.leases--;
        freeIfUnused(held);
    }

    private void freeIfUnused(Resident held) {
        if (held.names > 0 || held.leases > 0) return;
        resident.remove(held.adapter);
        held.scope.close();
    }

    private FaultException unknown(String name) {
        return Fault.of(EngineFault.UNKNOWN_ADAPTER, "no adapter of this name is loaded").got(name)
                .expected(byName.isEmpty() ? "none are loaded" : "one of " + byName.keySet()).exception();
    }

    private static final class Held implements Lease {
        private final AdapterPool pool;
        private final Resident resident;
        private final AtomicBoolean open = new AtomicBoolean(true);

        Held(AdapterPool pool, Resident resident) {
            this.pool = pool;
            this.resident = resident;
        }

        @Override
        public Adapter adapter() {
            return resident.adapter;
        }

        @Override
        public void close() {
            if (open.compareAndSet(true, false)) pool.giveBack(resident);
        }
    }

    /// Takes every name away; what is still leased is freed when its last lease closes.
    @Override
    public synchronized void close() {
        for (String name : new TreeSet<>(byName.keySet())) dropName(byName.remove(name));
    }
}
