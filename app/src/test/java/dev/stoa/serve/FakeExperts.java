// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.serve.expert.Expert;
import dev.stoa.serve.expert.Experts;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;

/// Experts without weights, counting the holds that are open.
final class FakeExperts implements Experts {
    private final ConcurrentSkipListMap<String, Expert> experts = new ConcurrentSkipListMap<>();
    final AtomicInteger held = new AtomicInteger();

    FakeExperts with(String... names) {
        for (String name : names) put(name, "1", "library");
        return this;
    }

    private Expert put(String name, String version, String source) {
        Expert expert = new Expert(name, version, "hash-" + name + "-" + version, "base", 7, 8, 1024, source, Instant.EPOCH, 0);
        experts.put(name, expert);
        return expert;
    }

    @Override
    public List<Expert> list() {
        return List.copyOf(experts.values());
    }

    @Override
    public Optional<Expert> find(String name) {
        return Optional.ofNullable(experts.get(name));
    }

    @Override
    public Optional<Hold> acquire(String name) {
        return find(name).map(expert -> {
            held.incrementAndGet();
            return new Hold() {
                @Override
                public Expert expert() {
                    return expert;
                }

                @Override
                public Adapter adapter() {
                    return new Adapter(expert.hash(), expert.baseHash(), new TreeMap<>());
                }

                @Override
                public void close() {
                    held.decrementAndGet();
                }
            };
        });
    }

    @Override
    public Expert load(String name, String version, Path directory, String source) {
        if (directory.getFileName().toString().startsWith("bad")) {
            throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "the adapter does not fit").issues(List.of("layer 0: in 8, expected 16")).exception();
        }
        return put(name, version, source);
    }

    @Override
    public boolean unload(String name) {
        return experts.remove(name) != null;
    }
}
