// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.generate.AdapterPool.Lease;
import dev.stoa.generate.AdapterPool.Unload;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.TinyModels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Names, versions, leases and load checks of the pool.
class AdapterPoolTest {
    private final Ledger ledger = new Ledger();
    private final List<Adapter> cancelled = new ArrayList<>();
    private Kernels kernels;
    private Scope scope;
    private Model model;
    private AdapterPool pool;
    private long idle;

    @BeforeEach
    void open() {
        kernels = KernelProvider.open("scalar", 1);
        scope = ledger.scope("model");
        model = TinyModels.model(TinyModels.QWEN3, 1, kernels, scope);
        pool = new AdapterPool(model, ledger, 8, cancelled::add);
        idle = ledger.activeBytes();
    }

    @AfterEach
    void close() {
        pool.close();
        assertThat(ledger.activeBytes()).as("unloading returns the exact bytes").isEqualTo(idle);
        scope.close();
        kernels.close();
    }

    /// A loader whose factors live in the pool's scope, as those read from a file do.
    private static AdapterPool.Loader<RuntimeException> loader(Adapter source) {
        return memory -> {
            SortedMap<TargetId, Delta> entries = new TreeMap<>();
            source.entries().forEach((target, delta) -> {
                Delta.LowRank low = (Delta.LowRank) delta;
                entries.put(target, new Delta.LowRank(copy(low.a(), memory), copy(low.b(), memory), low.scale()));
            });
            return new Adapter(source.hash(), source.baseHash(), entries);
        };
    }

    private static Tensor copy(Tensor source, Scope memory) {
        Tensor target = memory.f32(source.shape());
        target.data().copyFrom(source.data());
        return target;
    }

    private Adapter load(String name, long seed) {
        return pool.load(name, loader(TinyModels.adapter(model, 2, seed)));
    }

    @Test
    void aNewVersionIsSwappedInAndTheOldOneLivesAsLongAsItsLeases() {
        Adapter first = load("expert", 1);
        Lease lease = pool.acquire("expert");
        Adapter second = load("expert", 2);
        assertThat(pool.find("expert")).isSameAs(second).isNotSameAs(first);
        assertThat(AdapterCheck.alive(first)).isTrue();
        assertThat(lease.adapter()).isSameAs(first);
        lease.close();
        lease.close();
        assertThat(AdapterCheck.alive(first)).isFalse();
        assertThat(pool.leases()).isZero();
        assertThatThrownBy(() -> pool.lease(AdapterSet.of(first))).isInstanceOfSatisfying(FaultException.class,
                e -> assertThat(e.fault().code()).isEqualTo(EngineFault.UNKNOWN_ADAPTER));
    }

    @Test
    void equalContentUnderTwoNamesIsHeldOnce() {
        Adapter one = load("a", 1);
        long bytes = ledger.activeBytes();
        assertThat(load("b", 1)).isSameAs(one);
        assertThat(load("a", 1)).isSameAs(one);
        assertThat(ledger.activeBytes()).isEqualTo(bytes);
        pool.unload("a", Unload.DRAIN);
        assertThat(AdapterCheck.alive(one)).isTrue();
        pool.unload("b", Unload.DRAIN);
        assertThat(AdapterCheck.alive(one)).isFalse();
        assertThat(pool.list()).isEmpty();
    }

    @Test
    void unloadingNowCancelsUsersAndDrainingDoesNot() {
        Adapter a = load("a", 1);
        load("b", 2);
        pool.unload("b", Unload.DRAIN);
        assertThat(cancelled).isEmpty();
        Lease lease = pool.acquire("a");
        pool.unload("a", Unload.NOW);
        assertThat(cancelled).containsExactly(a);
        assertThat(AdapterCheck.alive(a)).isTrue();
        lease.close();
        assertThatThrownBy(() -> pool.acquire("a")).hasMessageContaining("none are loaded");
        assertThatThrownBy(() -> pool.unload("a", Unload.DRAIN)).isInstanceOf(FaultException.class);
        assertThat(pool.find("a")).isNull();
    }

    private void assertRefused(Adapter adapter, EngineFault code, String says) {
        load("kept", 9);
        long before = ledger.activeBytes();
        assertThatThrownBy(() -> pool.load("kept", loader(adapter))).isInstanceOfSatisfying(FaultException.class, e -> {
            assertThat(e.fault().code()).isEqualTo(code);
            assertThat(e.getMessage()).contains(says);
        });
        assertThat(ledger.activeBytes()).as("a refused load leaves nothing").isEqualTo(before);
        assertThat(pool.find("kept").hash()).as("and the old version serves").isEqualTo("adapter-9");
    }

    private static Adapter changed(Adapter source, String path, Tensor a, Tensor b, double scale) {
        SortedMap<TargetId, Delta> entries = new TreeMap<>(source.entries());
        entries.put(TargetId.ofPath(path), new Delta.LowRank(a, b, scale));
        return new Adapter("changed", source.baseHash(), entries);
    }

    @Test
    void everyLoadCheckRefusesWithItsOwnWords() {
        Adapter good = TinyModels.adapter(model, 2, 4);
        SplittableRandom random = new SplittableRandom(1);
        Tensor a = TinyModels.gaussian(random, 1, 2, 32);
        Tensor b = TinyModels.gaussian(random, 1, 48, 2);
        String q = "layers.0.self_attn.q_proj";
        assertRefused(new Adapter("x", "another", good.entries()), EngineFault.ADAPTER_INCOMPATIBLE, "another base");
        assertRefused(new Adapter("x", null, new TreeMap<>()), EngineFault.ADAPTER_INVALID, "changes no module");
        assertRefused(changed(good, "layers.7.self_attn.q_proj", a, b, 1), EngineFault.ADAPTER_INCOMPATIBLE, "no linear layer");
        assertRefused(changed(good, q, TinyModels.gaussian(random, 1, 2, 31), b, 1), EngineFault.ADAPTER_INCOMPATIBLE, "48 x 31 matrix, the model's is 48 x 32");
        assertRefused(changed(good, q, TinyModels.gaussian(random, 1, 9, 32), TinyModels.gaussian(random, 1, 48, 9), 1), EngineFault.RANK_MISMATCH, "rank 9");
        assertRefused(changed(good, q, a, b, Double.NaN), EngineFault.NON_FINITE, "scale NaN");
        Tensor poisoned = TinyModels.gaussian(random, 1, 48, 2);
        poisoned.set(17, Float.POSITIVE_INFINITY);
        assertRefused(changed(good, q, a, poisoned, 1), EngineFault.NON_FINITE, "q_proj B holds Infinity");
        SortedMap<TargetId, Delta> zero = new TreeMap<>();
        zero.put(TargetId.ofPath(q), new Delta.LowRank(a, Tensor.of(new float[96], 48, 2), 1));
        assertRefused(new Adapter("x", model.hash(), zero), EngineFault.ADAPTER_INVALID, "B is zero");
    }

    /// Threads load, swap, lease and unload the same two names; nobody ever holds freed memory, nothing leaks.
    @Test
    void concurrentUseNeverFreesWhatIsLeased() throws Exception {
        List<Adapter> sources = new ArrayList<>();
        for (int i = 0; i < 6; i++) sources.add(TinyModels.adapter(model, 1, 50 + i));
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> futures = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                SplittableRandom random = new SplittableRandom(t);
                futures.add(threads.submit(() -> {
                    for (int i = 0; i < 150; i++) {
                        String name = "n" + random.nextInt(2);
                        try {
                            switch (random.nextInt(4)) {
                                case 0 -> pool.load(name, loader(sources.get(random.nextInt(6))));
                                case 1 -> pool.unload(name, Unload.DRAIN);
                                default -> {
                                    try (Lease lease = pool.acquire(name)) {
                                        assertThat(AdapterCheck.alive(lease.adapter())).isTrue();
                                        ((Delta.LowRank) lease.adapter().entries().firstEntry().getValue()).a().get(0);
                                    }
                                }
                            }
                        } catch (FaultException unknown) {
                            assertThat(unknown.fault().code()).isEqualTo(EngineFault.UNKNOWN_ADAPTER);
                        }
                    }
                }));
            }
            for (Future<?> future : futures) future.get();
        }
        assertThat(pool.leases()).isZero();
    }
}
