// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import dev.stoa.store.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Memory in one directory, a sub-directory per tenant, named by a hash so that a tenant's name cannot be a path.
/// One process at a time. Payloads are not encrypted.
public final class EmbeddedMemory implements MemoryStore {
    private static final System.Logger LOG = System.getLogger(EmbeddedMemory.class.getName());
    private final Path root;
    private final Settings settings;
    private final Map<String, TenantMemory> tenants = new HashMap<>();
    private boolean closed;

    /// Immutable configuration shared by all tenants.
    public record Settings(Embedder embedder, PredicateTable predicates, RelevanceGate gate, InstantSource clock) {
        /// Rules and gate for a given embedder, on the system's clock.
        public static Settings of(Embedder embedder, PredicateTable predicates, RelevanceGate gate) {
            return new Settings(embedder, predicates, gate, InstantSource.system());
        }
    }

    private EmbeddedMemory(Path root, Settings settings) {
        this.root = root;
        this.settings = settings;
    }

    public static EmbeddedMemory open(Path root, Settings settings) throws IOException {
        Files.createDirectories(root);
        return new EmbeddedMemory(root, settings);
    }

    @Override
    public AppendAck append(TenantContext tenant, AppendBatch batch) throws IOException {
        return memory(tenant).append(tenant, batch);
    }

    /// Whatever goes wrong inside, the request goes on without memory (`degraded`).
    @Override
    public RecallResult recall(TenantContext tenant, RecallQuery query) {
        try {
            return memory(tenant).recall(tenant, query);
        } catch (IOException | RuntimeException failed) {
            LOG.log(System.Logger.Level.WARNING, "recall_failed cause=" + failed.getClass().getSimpleName());
            return new RecallResult(List.of(), 0, false, 0, List.of("memory"));
        }
    }

    @Override
    public List<Fact> facts(TenantContext tenant, FactQuery query) throws IOException {
        return memory(tenant).facts(tenant, query);
    }

    @Override
    public ForgetCertificate forget(TenantContext tenant, ForgetSelector selector, ForgetMode mode) throws IOException {
        return memory(tenant).forget(selector, mode);
    }

    @Override
    public MemoryStats stats(TenantContext tenant) throws IOException {
        return memory(tenant).stats();
    }

    synchronized TenantMemory memory(TenantContext tenant) throws IOException {
        if (closed) throw new IllegalStateException("the memory is closed");
        TenantMemory open = tenants.get(tenant.tenant());
        if (open == null) {
            open = TenantMemory.open(directory(tenant.tenant()), settings);
            tenants.put(tenant.tenant(), open);
        }
        return open;
    }

    Path directory(String tenant) {
        return root.resolve(Digest.of(tenant.getBytes(StandardCharsets.UTF_8)).substring(0, 32));
    }

    @Override
    public synchronized void close() throws IOException {
        closed = true;
        IOException failure = null;
        for (TenantMemory memory : tenants.values()) {
            try {
                memory.close();
            } catch (IOException failed) {
                failure = failed;
            }
        }
        tenants.clear();
        if (failure != null) throw failure;
    }
}
