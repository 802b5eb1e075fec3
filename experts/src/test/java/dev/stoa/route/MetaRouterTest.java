// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.feature.RouteText;
import dev.stoa.template.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class MetaRouterTest {
    private static final RouteOptions EXPLAIN = RouteOptions.DEFAULT.withExplain(true);

    /// Version v of the state serves expert version v; a request that mixed two states would show two versions.
    @Test
    void aRequestNeverMixesTwoStates() throws Exception {
        MetaRouter router = new MetaRouter(versioned(1));
        AtomicBoolean stop = new AtomicBoolean();
        try (var pool = Executors.newFixedThreadPool(3)) {
            List<Callable<Integer>> readers = new ArrayList<>();
            for (int t = 0; t < 2; t++) {
                readers.add(() -> {
                    int seen = 0;
                    while (!stop.get() || seen == 0) {
                        RouteDecision decision = router.route(
                                new RouteRequest("t", null, List.of(new Message("user", "hello")), EXPLAIN));
                        String version = Long.toString(decision.stateVersion());
                        assertThat(decision.active()).hasSize(1);
                        assertThat(decision.active().getFirst().version()).isEqualTo(version);
                        assertThat(decision.trace().stateVersion()).isEqualTo(decision.stateVersion());
                        seen++;
                    }
                    return seen;
                });
            }
            var running = readers.stream().map(pool::submit).toList();
            for (int v = 2; v < 1_002; v++) router.swap(versioned(v));
            stop.set(true);
            for (var reader : running) assertThat(reader.get()).isPositive();
        }
    }

    private static RouterState versioned(long version) {
        RouterState base = FixedRouter.state(1, 0, 0.9, 0.01);
        return new RouterState(version, base.labels(), base.model(), null,
                Map.of("l0", RoutedExpert.served("l0", Long.toString(version), "hash" + version)), base.composition());
    }

    @Test
    void aRemovedExpertIsNeverSelectedAgain() {
        MetaRouter router = new MetaRouter(FixedRouter.state(1, 0, 0.9, 0.8, 0.01));
        assertThat(router.route(RouteRequest.of("t", "hi")).active().getFirst().label()).isEqualTo("l0");
        RouterState after = router.update(state -> state.without("l0"));
        assertThat(after.version()).isEqualTo(2);
        for (int i = 0; i < 1_000; i++) {
            assertThat(router.route(RouteRequest.of("t", "hi " + i)).active()).noneMatch(one -> one.label().equals("l0"));
        }
    }

    @Test
    void otherLabelsKeepTheirProbabilities() {
        RouterState state = FixedRouter.state(1, 0, 0.9, 0.8, 0.01);
        double before = probability(state, "l1");
        assertThat(probability(state.without("l0"), "l1")).isEqualTo(before);
    }

    private static double probability(RouterState state, String label) {
        return new MetaRouter(state).route(RouteRequest.of("t", "hi")).domains().stream()
                .filter(one -> one.label().equals(label)).findFirst().orElseThrow().p();
    }

    @Test
    void brokenFeaturesFallBackToHashedOnesThenToTheBase() {
        RouterState good = FixedRouter.state(1, 0, 0.9, 0.01);
        FeatureSource broken = new FeatureSource() {
            @Override
            public String id() {
                return "broken";
            }

            @Override
            public String hash() {
                return "";
            }

            @Override
            public int dim() {
                return 768;
            }

            @Override
            public List<float[]> embed(RouteText text) {
                throw new IllegalStateException("no engine");
            }
        };
        RouterModel m = good.model();
        RouterModel failing = new RouterModel(broken, m.heads(), m.words(), m.calibration(), m.thresholds(), m.relativeFloor(), m.gate());
        MetaRouter guarded = new MetaRouter(new RouterState(1, good.labels(), failing, m, good.roster(), good.composition()));
        RouteDecision decision = guarded.route(new RouteRequest("t", null, List.of(new Message("user", "hello")), EXPLAIN));
        assertThat(decision.reason()).isEqualTo(RouteReason.ROUTED);
        assertThat(decision.trace().featureSource()).startsWith("hashed:");
        MetaRouter bare = new MetaRouter(new RouterState(1, good.labels(), failing, null, good.roster(), good.composition()));
        assertThat(bare.route(RouteRequest.of("t", "hello")).reason()).isEqualTo(RouteReason.ROUTER_UNAVAILABLE);
        assertThat(bare.failures()).isEqualTo(1);
    }
}
