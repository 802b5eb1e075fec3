// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.memory.AppendAck;
import dev.stoa.memory.AppendBatch;
import dev.stoa.memory.Fact;
import dev.stoa.memory.FactQuery;
import dev.stoa.memory.ForgetCertificate;
import dev.stoa.memory.ForgetMode;
import dev.stoa.memory.ForgetSelector;
import dev.stoa.memory.MemoryStats;
import dev.stoa.memory.MemoryStore;
import dev.stoa.memory.Origin;
import dev.stoa.memory.RecallQuery;
import dev.stoa.memory.RecallResult;
import dev.stoa.memory.TenantContext;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Remembers in a list; recalls everything of the tenant.
final class FakeMemory implements MemoryStore {
    record Said(TenantContext tenant, AppendBatch.NewEpisode episode) {}

    final List<Said> said = Collections.synchronizedList(new ArrayList<>());
    volatile boolean broken;

    @Override
    public AppendAck append(TenantContext tenant, AppendBatch batch) throws IOException {
        if (broken) throw new IOException("planted");
        List<String> ids = new ArrayList<>();
        for (AppendBatch.NewEpisode episode : batch.episodes()) {
            said.add(new Said(tenant, episode));
            ids.add("episode-" + said.size());
        }
        return new AppendAck(ids, said.size(), batch.durability());
    }

    @Override
    public RecallResult recall(TenantContext tenant, RecallQuery query) {
        if (broken) throw new IllegalStateException("planted");
        List<RecallResult.Item> items = new ArrayList<>();
        for (Said one : said) {
            if (!one.tenant().tenant().equals(tenant.tenant())) continue;
            items.add(new RecallResult.Item(
                    "episode-" + items.size(), RecallResult.Kind.EPISODE, one.episode().text(), Instant.EPOCH, Origin.USER, 1, 1, 1, null));
        }
        return new RecallResult(items, items.isEmpty() ? 0.01 : 0.9, items.isEmpty(), 10, List.of());
    }

    @Override
    public List<Fact> facts(TenantContext tenant, FactQuery query) {
        return List.of();
    }

    @Override
    public ForgetCertificate forget(TenantContext tenant, ForgetSelector selector, ForgetMode mode) {
        throw new UnsupportedOperationException();
    }

    @Override
    public MemoryStats stats(TenantContext tenant) {
        return new MemoryStats(said.size(), 0, said.size(), 0, null);
    }

    @Override
    public void close() {}
}
