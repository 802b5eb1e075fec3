// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.AdapterSet.Member;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.generate.AdapterPool.Unload;
import dev.stoa.generate.Generator.Generation;
import dev.stoa.generate.Generator.RequestHandle;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.TinyModels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What ends a request early, and that it takes nothing and nobody with it.
class EngineFailureTest {
    private final Ledger ledger = new Ledger();
    private Kernels kernels;
    private Scope scope;
    private Model model;
    private Engine engine;

    @BeforeEach
    void open() {
        kernels = KernelProvider.open("auto", 2);
        scope = ledger.scope("model");
        model = TinyModels.model(TinyModels.QWEN3, 5, kernels, scope);
        engine = Engine.of(model, new ByteTokenizer(67), LoadConfig.of(null).withConcurrency(4, 4).withPrefill(32, 250), ledger);
    }

    @AfterEach
    void close() {
        assertThat(engine.stats()).satisfies(s -> {
            assertThat(List.of(s.running(), s.waiting(), s.caches(), s.leases(), s.permits())).containsOnly(0);
            assertThat(s.cacheBytes()).isZero();
        });
        engine.close();
        scope.close();
        assertThat(ledger.activeBytes()).isZero();
        kernels.close();
    }

    private static GenerateRequest endless(AdapterSet set, Compose compose) {
        return new GenerateRequest(new int[] {5, 6, 7}, new GenerateConfig(200, 0, 0, 1, 0, 1L, List.of(), true, -1), set, compose, 5);
    }

    private static Event last(BlockingQueue<Event> events) throws InterruptedException {
        for (;;) {
            Event event = events.poll(10, TimeUnit.SECONDS);
            assertThat(event).as("an event within ten seconds").isNotNull();
            if (event instanceof Event.Finished || event instanceof Event.Failed) {
                assertThat(events).isEmpty();
                return event;
            }
        }
    }

    @Test
    void cancellingAGroupFreesEveryRow() throws Exception {
        AdapterSet three = new AdapterSet(List.of(new Member(TinyModels.adapter(model, 2, 1), 1),
                new Member(TinyModels.adapter(model, 2, 2), 1), new Member(TinyModels.adapter(model, 2, 3), 1)));
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        RequestHandle[] handle = new RequestHandle[1];
        BlockingQueue<Event> first = new LinkedBlockingQueue<>();
        handle[0] = engine.submit(endless(three, Compose.SELECT), Context.NONE, event -> {
            events.add(event);
            first.add(event);
        });
        first.poll(10, TimeUnit.SECONDS);
        assertThat(engine.stats().caches()).isIn(0, 4);
        handle[0].cancel();
        handle[0].cancel();
        assertThat(last(events)).isInstanceOfSatisfying(Event.Finished.class, end -> {
            assertThat(end.reason()).isIn("cancelled", "length");
            assertThat(end.usage().promptTokens()).isEqualTo(3);
        });
    }

    @Test
    void deadlinesEndWithWhatThereIs() throws Exception {
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        engine.submit(endless(AdapterSet.BASE, Compose.SUM), new Context("", System.nanoTime() - 1), events::add);
        assertThat(last(events)).isInstanceOfSatisfying(Event.Finished.class, end -> assertThat(end.reason()).isEqualTo("timeout"));
        Generation late = engine.generate(endless(AdapterSet.BASE, Compose.SUM), new Context("", System.nanoTime() - 1));
        assertThat(late.reason()).isEqualTo("timeout");
        assertThat(late.tokens()).isEmpty();
    }

    @Test
    void aReceiverThatThrowsEndsItsOwnRequestOnly() {
        AtomicInteger calls = new AtomicInteger();
        engine.submit(endless(AdapterSet.BASE, Compose.SUM), Context.NONE, event -> {
            calls.incrementAndGet();
            throw new IllegalStateException("receiver");
        });
        Generation other = engine.generate(GenerateRequest.greedy(new int[] {1, 2}, 20, AdapterSet.BASE, Compose.SUM), Context.NONE);
        assertThat(other.reason()).isIn("length", "stop");
        engine.stats();
        assertThat(calls).as("the event that failed, and the notice of it").hasValue(2);
    }

    /// An adapter of finite but absurd size drives the logits to infinity in its own rows alone.
    @Test
    void logitsThatAreNotFiniteFailTheirRequestOnly() {
        TreeMap<TargetId, Delta> entries = new TreeMap<>();
        float[] huge = new float[48];
        java.util.Arrays.fill(huge, 3e38f);
        float[] ones = new float[32];
        java.util.Arrays.fill(ones, 1);
        entries.put(TargetId.ofPath("layers.0.mlp.gate_proj"), new Delta.LowRank(Tensor.of(ones, 1, 32), Tensor.of(huge, 48, 1), 4));
        AdapterSet absurd = AdapterSet.of(new Adapter("absurd", null, entries));
        GenerateRequest healthy = GenerateRequest.greedy(new int[] {1, 2}, 12, AdapterSet.BASE, Compose.SUM);
        int[] expected = engine.generate(healthy, Context.NONE).tokens();
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        engine.submit(endless(absurd, Compose.SUM), Context.NONE, events::add);
        assertThat(engine.generate(healthy, Context.NONE).tokens()).isEqualTo(expected);
        assertThatThrownBy(() -> engine.generate(endless(absurd, Compose.SUM), Context.NONE)).isInstanceOfSatisfying(FaultException.class,
                e -> assertThat(e.fault().code()).isEqualTo(EngineFault.NON_FINITE_LOGITS));
        assertThatThrownBy(() -> engine.score(new int[] {1}, new int[] {2}, absurd)).isInstanceOf(FaultException.class);
    }

    /// A forward pass that throws is retried row group by row group, so the neighbours still get their answer.
    @Test
    void anAdapterWhoseMemoryVanishesFailsItsRequestOnly() {
        Scope doomed = ledger.scope("doomed");
        TreeMap<TargetId, Delta> entries = new TreeMap<>();
        entries.put(TargetId.ofPath("layers.0.mlp.gate_proj"), new Delta.LowRank(doomed.f32(1, 32), doomed.f32(48, 1), 1));
        Adapter adapter = new Adapter("doomed", null, entries);
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        GenerateRequest healthy = GenerateRequest.greedy(new int[] {1, 2}, 12, AdapterSet.BASE, Compose.SUM);
        int[] expected = engine.generate(healthy, Context.NONE).tokens();
        engine.submit(endless(AdapterSet.of(adapter), Compose.SUM), Context.NONE, event -> {
            if (event instanceof Event.Started) doomed.close();
            events.add(event);
        });
        assertThat(engine.generate(healthy, Context.NONE).tokens()).isEqualTo(expected);
        assertThat(events).hasAtLeastOneElementOfType(Event.Failed.class);
        assertThatThrownBy(() -> engine.generate(endless(AdapterSet.of(adapter), Compose.SUM), Context.NONE)).hasMessageContaining("unloaded");
    }

    @Test
    void theQueueHasALimitThatInternalWorkDoesNotMeet() throws Exception {
        List<RequestHandle> handles = new ArrayList<>();
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        java.util.concurrent.CountDownLatch hold = new java.util.concurrent.CountDownLatch(1);
        engine.submit(endless(AdapterSet.BASE, Compose.SUM), Context.NONE, event -> {
            try {
                hold.await(10, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        for (int i = 0; i < 7; i++) handles.add(engine.submit(endless(AdapterSet.BASE, Compose.SUM), Context.NONE, events::add));
        assertThatThrownBy(() -> engine.submit(endless(AdapterSet.BASE, Compose.SUM), Context.NONE, events::add))
                .isInstanceOfSatisfying(FaultException.class, e -> assertThat(e.fault().code()).isEqualTo(EngineFault.QUEUE_FULL));
        hold.countDown();
        List<GenerateRequest> many = new ArrayList<>();
        for (int i = 0; i < 30; i++) many.add(GenerateRequest.greedy(new int[] {i + 3}, 3, AdapterSet.BASE, Compose.SUM));
        assertThat(engine.generateAll(many, Context.NONE)).hasSize(30);
        handles.forEach(RequestHandle::cancel);
    }

    @Test
    void unloadingNowEndsUsersAndReturnsTheirMemory() throws Exception {
        Adapter adapter = engine.adapters().load("expert", memory -> {
            TreeMap<TargetId, Delta> entries = new TreeMap<>();
            Tensor b = memory.f32(48, 1);
            b.set(3, 0.5f);
            entries.put(TargetId.ofPath("layers.0.mlp.gate_proj"), new Delta.LowRank(memory.f32(1, 32), b, 1));
            return new Adapter("loaded", model.hash(), entries);
        });
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        engine.submit(endless(AdapterSet.of(adapter), Compose.SUM), Context.NONE, events::add);
        engine.adapters().unload("expert", Unload.NOW);
        assertThat(last(events)).isInstanceOfSatisfying(Event.Finished.class, end -> assertThat(end.reason()).isIn("cancelled", "length"));
        assertThatThrownBy(() -> engine.submit(endless(AdapterSet.of(adapter), Compose.SUM), Context.NONE, events::add))
                .hasMessageContaining("unloaded");
    }

    @Test
    void requestsThatCanNeverFitMemoryAreRefused() {
        try (Engine small = Engine.of(model, null, LoadConfig.of(null).withKvBytes(20_000), ledger)) {
            assertThatThrownBy(() -> small.generate(endless(AdapterSet.BASE, Compose.SUM), Context.NONE)).isInstanceOfSatisfying(
                    FaultException.class, e -> assertThat(e.fault().code()).isEqualTo(EngineFault.MEMORY_LIMIT));
            List<GenerateRequest> many = new ArrayList<>();
            for (int i = 0; i < 10; i++) many.add(GenerateRequest.greedy(new int[] {i + 3}, 20, AdapterSet.BASE, Compose.SUM));
            assertThat(small.generateAll(many, Context.NONE)).as("one or two at a time").hasSize(10);
        }
    }

    @Test
    void aClosedEngineSaysSoAndEndsItsRequests() throws Exception {
        Engine closing = Engine.of(model, null, LoadConfig.of(null), ledger);
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        closing.submit(endless(AdapterSet.BASE, Compose.SUM), Context.NONE, events::add);
        closing.close();
        closing.close();
        assertThat(last(events)).isInstanceOf(Event.Finished.class);
        assertThatThrownBy(() -> closing.submit(endless(AdapterSet.BASE, Compose.SUM), Context.NONE, events::add)).hasMessageContaining("closed");
        assertThat(closing.stats().running()).isZero();
    }

    /// 10,000 random submits, cancels and ends, groups and adapters among them: nothing is left behind.
    @Test
    void randomTrafficLeaksNothing() throws Exception {
        SplittableRandom random = new SplittableRandom(6);
        List<Adapter> pooled = new ArrayList<>();
        for (int i = 0; i < 3; i++) pooled.add(TinyModels.adapter(model, 1, 60 + i));
        AtomicInteger open = new AtomicInteger();
        AtomicInteger ends = new AtomicInteger();
        List<RequestHandle> handles = new ArrayList<>();
        int submitted = 0;
        for (int operation = 0; operation < 10_000; operation++) {
            if (random.nextInt(3) == 0 && !handles.isEmpty()) {
                handles.remove(random.nextInt(handles.size())).cancel();
                continue;
            }
            List<Member> members = new ArrayList<>();
            for (Adapter adapter : pooled) if (random.nextInt(4) == 0) members.add(new Member(adapter, 0.5));
            GenerateConfig config = new GenerateConfig(1 + random.nextInt(4), 1, 0, 1, 0, (long) operation, List.of(), false, -1);
            GenerateRequest request = new GenerateRequest(random.ints(1 + random.nextInt(5), 0, 67).toArray(), config,
                    new AdapterSet(members), Compose.values()[random.nextInt(3)], random.nextInt(10));
            try {
                open.incrementAndGet();
                handles.add(engine.submit(request, Context.NONE, event -> {
                    if (event instanceof Event.Finished || event instanceof Event.Failed) ends.incrementAndGet();
                }));
                submitted++;
            } catch (FaultException full) {
                assertThat(full.fault().code()).isEqualTo(EngineFault.QUEUE_FULL);
                engine.generate(GenerateRequest.greedy(new int[] {1}, 1, AdapterSet.BASE, Compose.SUM), Context.NONE);
            }
        }
        for (RequestHandle handle : handles) handle.cancel();
        EngineStats stats = engine.stats();
        while (stats.running() + stats.waiting() > 0) stats = engine.stats();
        assertThat(ends).as("one end each").hasValue(submitted);
        assertThat(submitted).isGreaterThan(2_000);
    }
}
