// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.AdapterSet.Member;
import dev.stoa.generate.Generator.Generation;
import dev.stoa.generate.Generator.Probing;
import dev.stoa.generate.Generator.Scoring;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.model.Model;
import dev.stoa.model.TinyModels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The engine as its users see it, on a tiny random model with random adapters.
class EngineTest {
    private static final int VOCAB = 67;
    private static Ledger ledger;
    private static Scope scope;
    private static Kernels kernels;
    private static Model model;
    private static List<Adapter> adapters;

    @BeforeAll
    static void open() {
        ledger = new Ledger();
        scope = ledger.scope("engine test");
        kernels = KernelProvider.open("auto", 2);
        model = TinyModels.model(TinyModels.QWEN3, 77, kernels, scope);
        adapters = List.of(TinyModels.adapter(model, 2, 1), TinyModels.adapter(model, 3, 2),
                TinyModels.adapter(model, 4, 3), TinyModels.adapter(model, 2, 4));
    }

    @AfterAll
    static void close() {
        scope.close();
        kernels.close();
        assertThat(ledger.activeBytes()).isZero();
    }

    private static Engine engine(int slots, int chunk) {
        return Engine.of(model, new ByteTokenizer(VOCAB), LoadConfig.of(null).withConcurrency(slots, 64).withPrefill(chunk, 250), ledger);
    }

    private static int[] prompt(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return random.ints(1 + random.nextInt(40), 0, VOCAB).toArray();
    }

    private static AdapterSet set(long seed) {
        Random random = new Random(seed);
        List<Member> members = new ArrayList<>();
        for (Adapter adapter : adapters) if (random.nextInt(3) == 0) members.add(new Member(adapter, random.nextInt(9) / 4.0 - 1));
        return new AdapterSet(members);
    }

    private static List<GenerateRequest> mixed(int count) {
        List<GenerateRequest> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Compose compose = Compose.values()[i % 3];
            GenerateConfig config = i % 2 == 0 ? GenerateConfig.greedy(5 + i % 7)
                    : new GenerateConfig(5 + i % 7, 1.2, i % 5, 0.9, 0.01, (long) i, List.of(), true, -1);
            requests.add(new GenerateRequest(prompt(i), config, set(i), compose, i % 10));
        }
        return requests;
    }

    @Test
    void mixedRequestsEqualSequentialRunsInAnyOrderAndChunking() {
        List<GenerateRequest> requests = mixed(24);
        List<Generation> alone = new ArrayList<>();
        try (Engine engine = engine(1, 256)) {
            for (GenerateRequest request : requests) alone.add(engine.generate(request, Context.NONE));
        }
        assertThat(alone.stream().map(g -> g.tokens().length).distinct().count()).isGreaterThan(3);
        for (int chunk : new int[] {16, 64, 256}) {
            List<Integer> order = new ArrayList<>();
            for (int i = 0; i < requests.size(); i++) order.add(i);
            Collections.shuffle(order, new Random(chunk));
            try (Engine engine = engine(16, chunk)) {
                List<Generation> together = engine.generateAll(order.stream().map(requests::get).toList(), Context.NONE);
                for (int i = 0; i < order.size(); i++) {
                    Generation expected = alone.get(order.get(i));
                    assertThat(together.get(i).tokens()).as("request %d, chunk %d", order.get(i), chunk).isEqualTo(expected.tokens());
                    assertThat(together.get(i).text()).isEqualTo(expected.text());
                    assertThat(together.get(i).reason()).isEqualTo(expected.reason());
                }
            }
        }
    }

    @Test
    void theStreamIsTheBufferedOutput() throws Exception {
        try (Engine engine = engine(8, 64)) {
            for (GenerateRequest request : mixed(12)) {
                Generation buffered = engine.generate(request, Context.NONE);
                List<Event> events = new CopyOnWriteArrayList<>();
                CountDownLatch end = new CountDownLatch(1);
                engine.submit(request, Context.NONE, event -> {
                    events.add(event);
                    if (event instanceof Event.Finished || event instanceof Event.Failed) end.countDown();
                });
                assertThat(end.await(10, TimeUnit.SECONDS)).isTrue();
                StringBuilder text = new StringBuilder();
                for (Event event : events) {
                    if (event instanceof Event.Token token) text.append(token.text());
                    if (event instanceof Event.Finished finished) text.append(finished.text());
                }
                assertThat(text.toString()).isEqualTo(buffered.text());
                assertThat(events.getFirst()).isInstanceOf(Event.Started.class);
                assertThat(events.stream().filter(e -> e instanceof Event.Finished || e instanceof Event.Failed)).hasSize(1);
                assertThat(events.getLast()).isInstanceOf(Event.Finished.class);
            }
        }
    }

    @Test
    void scoresAreTheLogProbabilitiesGenerationReports() {
        try (Engine engine = engine(4, 32)) {
            AdapterSet set = AdapterSet.of(adapters.get(1));
            int[] prompt = prompt(5);
            List<Event> events = new CopyOnWriteArrayList<>();
            CountDownLatch end = new CountDownLatch(1);
            GenerateConfig config = new GenerateConfig(12, 0, 0, 1, 0, 1L, List.of(), true, 3);
            engine.submit(new GenerateRequest(prompt, config, set, Compose.SUM, 5), Context.NONE, event -> {
                events.add(event);
                if (event instanceof Event.Finished) end.countDown();
            });
            await(end);
            List<Event.Token> tokens = events.stream().filter(Event.Token.class::isInstance).map(Event.Token.class::cast).toList();
            int[] continuation = tokens.stream().mapToInt(Event.Token::id).toArray();
            double[] scores = engine.score(prompt, continuation, set);
            float[] table = engine.logProbabilities(prompt, continuation, set);
            for (int i = 0; i < continuation.length; i++) {
                assertThat(scores[i]).isEqualTo(tokens.get(i).logprob().logprob());
                assertThat(tokens.get(i).logprob().top().getFirst().id()).isEqualTo(continuation[i]);
                double sum = 0;
                for (int v = 0; v < VOCAB; v++) sum += Math.exp(table[i * VOCAB + v]);
                assertThat(sum).isCloseTo(1, org.assertj.core.data.Offset.offset(1e-5));
                assertThat((double) table[i * VOCAB + continuation[i]]).isCloseTo(scores[i], org.assertj.core.data.Offset.offset(1e-6));
            }
            assertThat(engine.score(prompt, continuation, AdapterSet.BASE)).isNotEqualTo(scores);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void batchedScoringAndProbingEqualSingleCalls() {
        try (Engine engine = engine(8, 32)) {
            List<Scoring> items = new ArrayList<>();
            List<Probing> probes = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                items.add(new Scoring(prompt(i), prompt(100 + i), set(i)));
                int[] prompt = prompt(200 + i);
                probes.add(new Probing(prompt, i % 2, new int[] {prompt.length - 1, 0}));
            }
            List<double[]> together = engine.scoreAll(items);
            List<float[]> hidden = engine.hiddenAll(probes);
            for (int i = 0; i < items.size(); i++) {
                assertThat(together.get(i)).isEqualTo(engine.score(items.get(i).prompt(), items.get(i).continuation(), items.get(i).experts()));
                assertThat(hidden.get(i)).isEqualTo(engine.hidden(probes.get(i).prompt(), probes.get(i).layer(), probes.get(i).positions()));
            }
            assertThat(hidden.getFirst()).hasSize(2 * model.spec().hidden());
        }
    }

    /// LOGITS and SELECT recomputed from single-expert log-probabilities, token by token.
    @ParameterizedTest
    @EnumSource(value = Compose.class, names = {"LOGITS", "SELECT"})
    void groupsFollowTheirFormulaOverSingleExpertRuns(Compose compose) {
        AdapterSet set = new AdapterSet(List.of(new Member(adapters.get(0), 0.75), new Member(adapters.get(2), -0.5),
                new Member(adapters.get(3), 1)));
        try (Engine engine = engine(8, 32)) {
            int[] prompt = prompt(3);
            GenerateConfig config = new GenerateConfig(15, 0, 0, 1, 0, 1L, List.of(), true, -1);
            Generation group = engine.generate(new GenerateRequest(prompt, config, set, compose, 5), Context.NONE);
            float[] base = engine.logProbabilities(prompt, group.tokens(), AdapterSet.BASE);
            List<float[]> experts = set.members().stream()
                    .map(m -> engine.logProbabilities(prompt, group.tokens(), AdapterSet.of(m.adapter()))).toList();
            for (int t = 0; t < group.tokens().length; t++) {
                double[] z = new double[VOCAB];
                double best = 0.01;
                for (int v = 0; v < VOCAB; v++) z[v] = base[t * VOCAB + v];
                for (int e = 0; e < experts.size(); e++) {
                    double divergence = 0;
                    for (int v = 0; v < VOCAB; v++) {
                        double p = experts.get(e)[t * VOCAB + v];
                        double q = base[t * VOCAB + v];
                        divergence += Math.exp(p) * (p - q);
                        if (compose == Compose.LOGITS) z[v] += set.members().get(e).weight() * (p - q);
                    }
                    if (compose == Compose.SELECT && divergence > best) {
                        best = divergence;
                        for (int v = 0; v < VOCAB; v++) z[v] = experts.get(e)[t * VOCAB + v];
                    }
                }
                assertThat(group.tokens()[t]).as("position %d", t).isEqualTo(Sampler.argmax(z));
            }
        }
    }

    @Test
    void oneExpertAtWeightOneIsThatExpertInEveryWay() {
        AdapterSet one = AdapterSet.of(adapters.get(2));
        try (Engine engine = engine(4, 32)) {
            for (int seed = 0; seed < 6; seed++) {
                int[] prompt = prompt(seed);
                Generation sum = engine.generate(GenerateRequest.greedy(prompt, 10, one, Compose.SUM), Context.NONE);
                Generation logits = engine.generate(GenerateRequest.greedy(prompt, 10, one, Compose.LOGITS), Context.NONE);
                assertThat(logits.tokens()).isEqualTo(sum.tokens());
                Generation base = engine.generate(GenerateRequest.greedy(prompt, 10, AdapterSet.BASE, Compose.SELECT), Context.NONE);
                assertThat(base.tokens()).isEqualTo(engine.generate(
                        GenerateRequest.greedy(prompt, 10, AdapterSet.BASE, Compose.SUM), Context.NONE).tokens());
            }
        }
    }

    @Test
    void rotatingAnswersOutgrowTheContext() {
        LoadConfig config = LoadConfig.of(null).withConcurrency(4, 64).withPrefill(32, 250).withContext(24);
        GenerateConfig greedy = new GenerateConfig(200, 0, 0, 1, 0, 1L, List.of(), true, -1);
        List<GenerateRequest> requests = new ArrayList<>();
        for (int seed = 0; seed < 6; seed++) {
            int[] prompt = prompt(seed);
            if (prompt.length < 24) requests.add(new GenerateRequest(prompt, greedy, set(seed), Compose.SUM, 5));
        }
        try (Engine bounded = Engine.of(model, new ByteTokenizer(VOCAB), config, ledger);
                Engine rotating = Engine.of(model, new ByteTokenizer(VOCAB), config.withCacheMode("rotating"), ledger)) {
            List<Generation> together = rotating.generateAll(requests, Context.NONE);
            for (int i = 0; i < requests.size(); i++) {
                int[] within = bounded.generate(requests.get(i), Context.NONE).tokens();
                assertThat(within).hasSize(24 - requests.get(i).prompt().length);
                assertThat(together.get(i).tokens()).hasSize(200).startsWith(within);
                assertThat(rotating.generate(requests.get(i), Context.NONE).tokens()).isEqualTo(together.get(i).tokens());
            }
            assertThat(requests).hasSizeGreaterThan(1);
            assertThat(rotating.stats().cacheBytes()).isZero();
        }
    }

    @Test
    void windowsNeedOnlyTheirRings() {
        String config = TinyModels.QWEN3.replace("\"tie_word", "\"use_sliding_window\":true,\"sliding_window\":8,\"max_window_layers\":1,\"tie_word");
        Model windowed = TinyModels.model(config, 78, kernels, scope);
        LoadConfig load = LoadConfig.of(null).withConcurrency(4, 64).withPrefill(16, 250);
        GenerateConfig greedy = new GenerateConfig(190, 0, 0, 1, 0, 1L, List.of(), true, -1);
        try (Engine full = Engine.of(windowed, new ByteTokenizer(VOCAB), load.withCacheMode("bounded"), ledger);
                Engine rings = Engine.of(windowed, new ByteTokenizer(VOCAB), load, ledger)) {
            for (int seed = 0; seed < 4; seed++) {
                GenerateRequest request = new GenerateRequest(prompt(seed), greedy, null, null, 5);
                assertThat(rings.generate(request, Context.NONE).tokens()).isEqualTo(full.generate(request, Context.NONE).tokens());
            }
        }
    }

    @Test
    void badRequestsAreRefusedAtTheDoor() {
        try (Engine engine = engine(2, 32)) {
            assertFault(() -> GenerateRequest.greedy(new int[0], 4, AdapterSet.BASE, Compose.SUM), EngineFault.EMPTY_PROMPT);
            assertFault(() -> GenerateRequest.greedy(null, 4, AdapterSet.BASE, Compose.SUM), EngineFault.EMPTY_PROMPT);
            assertFault(() -> engine.generate(greedy(new int[] {1, VOCAB}), null), EngineFault.OUT_OF_RANGE);
            assertFault(() -> engine.generate(greedy(new int[] {-1}), null), EngineFault.OUT_OF_RANGE);
            assertFault(() -> engine.generate(greedy(new int[256]), null), EngineFault.CONTEXT_LENGTH_EXCEEDED);
            assertFault(() -> engine.score(new int[200], new int[58], AdapterSet.BASE), EngineFault.CONTEXT_LENGTH_EXCEEDED);
            assertFault(() -> engine.score(new int[] {1}, new int[0], AdapterSet.BASE), EngineFault.EMPTY_PROMPT);
            assertFault(() -> engine.hidden(new int[] {1}, 2, new int[] {0}), EngineFault.OUT_OF_RANGE);
            assertFault(() -> engine.hidden(new int[] {1}, 0, new int[] {1}), EngineFault.OUT_OF_RANGE);
            Generation clipped = engine.generate(new GenerateRequest(new int[255],
                    new GenerateConfig(99, 0, 0, 1, 0, 1L, List.of(), true, -1), null, null, 5), null);
            assertThat(clipped.tokens()).hasSize(1);
            assertThat(clipped.reason()).isEqualTo("length");
            assertThat(engine.score(new int[200], new int[57], AdapterSet.BASE)).hasSize(57);
        }
    }

    private static GenerateRequest greedy(int... prompt) {
        return GenerateRequest.greedy(prompt, 4, AdapterSet.BASE, Compose.SUM);
    }

    private static void assertFault(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, EngineFault code) {
        assertThatThrownBy(call).isInstanceOfSatisfying(FaultException.class, e -> assertThat(e.fault().code()).isEqualTo(code));
    }
}
