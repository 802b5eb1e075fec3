// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.FaultException;
import dev.stoa.generate.Compose;
import dev.stoa.template.Message;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PolicyTest {
    private static final RouteOptions ALL = RouteOptions.DEFAULT.withBreadth(RouteOptions.Breadth.ALL).withExplain(true);

    private static RouteDecision route(RouterState state, RouteOptions options) {
        return new MetaRouter(state).route(request(state, options, null));
    }

    private static RouteRequest request(RouterState state, RouteOptions options, String conversation) {
        return new RouteRequest("t", conversation, List.of(new Message("user", "some text")), options);
    }

    private static List<String> labels(RouteDecision decision) {
        return decision.active().stream().map(ActiveExpert::label).toList();
    }

    @Test
    void everyReasonForTheBase() {
        RouterState good = FixedRouter.state(1, 0, 0.9, 0.1, 0.05);
        assertThat(route(good, ALL).reason()).isEqualTo(RouteReason.ROUTED);
        assertThat(new MetaRouter(good).route(RouteRequest.of("t", " \u200b ?!")).reason()).isEqualTo(RouteReason.EMPTY_INPUT);
        assertThat(new MetaRouter(good).route(new RouteRequest("t", null, List.of(), ALL)).reason()).isEqualTo(RouteReason.EMPTY_INPUT);
        assertThat(route(FixedRouter.state(-1, 0, 0.9, 0.1, 0.05), ALL).reason()).isEqualTo(RouteReason.ABSTAIN_OOD);
        assertThat(route(FixedRouter.state(Double.NaN, 0, 0.9, 0.1, 0.05), ALL).reason()).isEqualTo(RouteReason.ABSTAIN_OOD);
        assertThat(route(FixedRouter.state(1, 0, 0.1, 0.1, 0.05), ALL).reason()).isEqualTo(RouteReason.NO_LABEL_OVER_THRESHOLD);
        assertThat(route(FixedRouter.state(1, 0, 0.4, 0.1, 0.5), ALL).reason()).isEqualTo(RouteReason.BASE_LABEL);
        assertThat(route(good.withRoster(Map.of("l0", RoutedExpert.baseOnly("l0"))), ALL).reason()).isEqualTo(RouteReason.NO_HARM_TABLE);
        assertThat(route(good.withRoster(Map.of()), ALL).reason()).as("no expert for the label").isEqualTo(RouteReason.NO_HARM_TABLE);
        assertThat(new MetaRouter(null).route(RouteRequest.of("t", "x")).reason()).isEqualTo(RouteReason.ROUTER_UNAVAILABLE);
        for (RouterState state : List.of(good, FixedRouter.state(-1, 0, 0.9, 0.1, 0.05))) {
            RouteDecision decision = route(state, ALL);
            assertThat(decision.fallback()).isEqualTo(decision.active().isEmpty());
        }
    }

    @Test
    void theThresholdIsInclusiveToTheLastBit() {
        RouterState state = FixedRouter.state(1, 0, 0.3, 0.05, 0.01);
        double p = route(state, ALL).domains().getFirst().p();
        assertThat(route(state, ALL.withThreshold(p)).reason()).isEqualTo(RouteReason.ROUTED);
        assertThat(route(state, ALL.withThreshold(Math.nextUp(p))).reason()).isEqualTo(RouteReason.NO_LABEL_OVER_THRESHOLD);
    }

    @Test
    void loweringTheThresholdNeverRemovesALabel() {
        SplittableRandom random = new SplittableRandom(3);
        for (int round = 0; round < 300; round++) {
            RouterState state = FixedRouter.state(1, 0, random.doubles(5).toArray());
            Set<String> before = new HashSet<>();
            for (double threshold = 1; threshold >= 0; threshold -= 0.05) {
                List<String> now = labels(route(state, ALL.withThreshold(threshold)));
                assertThat(now).containsAll(before);
                before = new HashSet<>(now);
            }
        }
    }

    @Test
    void fiveLabelsOverTheThresholdMountTheBestFour() {
        RouterState state = FixedRouter.state(1, 0, 0.5, 0.7, 0.4, 0.7, 0.6, 0.01);
        assertThat(labels(route(state, ALL))).as("ties by index").containsExactly("l1", "l3", "l4", "l0");
        assertThat(labels(route(state, ALL.withTopK(2)))).containsExactly("l1", "l3");
        assertThat(labels(route(state, ALL.withBreadth(RouteOptions.Breadth.SINGLE)))).containsExactly("l1");
    }

    @Test
    void whatIsSmallBesideTheTopIsDropped() {
        RouterState state = FixedRouter.state(1, 0, 0.9, 0.32, 0.31, 0.01);
        RouteDecision decision = route(state, ALL);
        assertThat(labels(decision)).containsExactly("l0", "l1");
        assertThat(decision.trace().sentence()).isEqualTo("l0 (0.90) and l1 (0.32) mounted 47:17/64; l2 dropped: below 0.35 × top");
        RouterState baseBest = state.withRoster(Map.of("l0", RoutedExpert.baseOnly("l0"),
                "l1", RoutedExpert.served("l1", "1", "h1"), "l2", RoutedExpert.served("l2", "1", "h2")));
        assertThat(labels(route(baseBest, ALL))).as("the base-only label mounts nothing but keeps its place").containsExactly("l1");
    }

    @Test
    void onlyMeasuredPairsAreComposed() {
        RouterState state = FixedRouter.state(1, 0, 0.9, 0.8, 0.7, 0.01);
        RouteOptions auto = ALL.withBreadth(RouteOptions.Breadth.AUTO);
        RouteDecision untested = route(state, auto);
        assertThat(labels(untested)).containsExactly("l0");
        assertThat(untested.trace().pairs()).containsEntry("l0+l1", "pair_untested");
        CompositionTable.Pair yes = new CompositionTable.Pair(true, 0.3, 0.2, 0.4, 100);
        CompositionTable.Pair no = new CompositionTable.Pair(false, -0.1, -0.2, 0, 100);
        CompositionTable table = new CompositionTable(Map.of("l0+l1", yes, "l0+l2", no),
                List.of(new CompositionTable.Mode(Compose.SELECT, CompositionTable.Weights.UNIT, 0.95, 0.01, 10),
                        new CompositionTable.Mode(Compose.LOGITS, CompositionTable.Weights.UNIT, 0.95, 0.01, 20),
                        new CompositionTable.Mode(Compose.SUM, CompositionTable.Weights.CONVEX, 0.99, 0.30, 30)), 0.02);
        RouteDecision measured = route(state.withComposition(table), auto);
        assertThat(labels(measured)).containsExactly("l0", "l1");
        assertThat(measured.compose()).as("best at equal harm, ties to the faster").isEqualTo(Compose.LOGITS);
        assertThat(measured.active()).allSatisfy(expert -> assertThat(expert.weight()).isEqualTo(1));
        assertThat(route(state, auto).compose()).as("one expert is a plain sum").isEqualTo(Compose.SUM);
        assertThat(route(state, ALL).compose()).as("several, unmeasured").isEqualTo(Compose.LOGITS);
        assertThat(route(state, ALL.withCompose(Compose.SELECT)).compose()).isEqualTo(Compose.SELECT);
    }

    @Test
    void aForeignTenantsExpertIsNeitherMountedNorNamed() {
        RouterState state = FixedRouter.state(1, 0, 0.9, 0.2, 0.01);
        RoutedExpert secret = new RoutedExpert("l0", "1", "h0", RoutedExpert.Standing.SERVED, Set.of("owner"));
        RouterState guarded = state.withRoster(Map.of("l0", secret, "l1", RoutedExpert.served("l1", "1", "h1")));
        RouteDecision decision = route(guarded, ALL);
        assertThat(labels(decision)).containsExactly("l1");
        assertThat(decision.toString()).doesNotContain("l0");
        RouterState only = state.withRoster(Map.of("l0", secret, "l1", RoutedExpert.baseOnly("l1")));
        RouteDecision refused = route(only, ALL.withThreshold(0.5));
        assertThat(refused.reason()).isEqualTo(RouteReason.NOT_PERMITTED);
        assertThat(refused.toString()).doesNotContain("l0");
    }

    @Test
    void thePreviousTurnWinsNearTiesAndNothingElse() {
        RouterState first = FixedRouter.state(1, 0, 0.3, 0.6, 0.01);
        RouterState second = FixedRouter.state(1, 0, 0.62, 0.58, 0.01);
        MetaRouter router = new MetaRouter(first);
        RouteOptions one = ALL.withBreadth(RouteOptions.Breadth.SINGLE);
        assertThat(labels(router.route(request(first, one, "c")))).containsExactly("l1");
        router.swap(second);
        assertThat(labels(router.route(request(second, one, "c")))).as("sticky").containsExactly("l1");
        assertThat(labels(router.route(request(second, one, "other")))).containsExactly("l0");
        assertThat(labels(router.route(request(second, one, null)))).containsExactly("l0");
        router.swap(FixedRouter.state(-1, 0, 0.1, 0.6, 0.01));
        assertThat(router.route(request(second, one, "c")).reason()).as("out of domain").isEqualTo(RouteReason.ABSTAIN_OOD);
        router.swap(FixedRouter.state(1, 0, 0.05, 0.11, 0.01));
        MetaRouter again = new MetaRouter(first);
        again.route(request(first, one, "c"));
        again.swap(router.state());
        assertThat(again.route(request(second, one, "c")).reason()).as("below the threshold")
                .isEqualTo(RouteReason.NO_LABEL_OVER_THRESHOLD);
    }

    @Test
    void theTraceIsEnoughToRecomputeTheSet() {
        SplittableRandom random = new SplittableRandom(11);
        Map<String, CompositionTable.Pair> pairs = new HashMap<>();
        for (int a = 0; a < 12; a++) {
            for (int b = a + 1; b < 12; b++) {
                if (random.nextInt(3) > 0) pairs.put(CompositionTable.key("l" + a, "l" + b),
                        new CompositionTable.Pair(random.nextInt(4) > 0, 0, 0, 0, 10));
            }
        }
        CompositionTable table = new CompositionTable(pairs, List.of(), 0);
        int mounted = 0;
        for (int round = 0; round < 10_000; round++) {
            double[] p = random.doubles(13).map(x -> x * x * x).toArray();
            RouterState state = FixedRouter.state(random.nextDouble() - 0.1, 0, p).withComposition(table);
            Map<String, RoutedExpert> roster = new HashMap<>(state.roster());
            if (round % 3 == 0) roster.put("l" + random.nextInt(12), RoutedExpert.baseOnly("x"));
            MetaRouter router = new MetaRouter(state.withRoster(roster));
            RouteOptions options = ALL.withTopK(1 + random.nextInt(4))
                    .withBreadth(RouteOptions.Breadth.values()[random.nextInt(3)]);
            if (round % 2 == 0) router.route(request(state, options, "c"));
            RouteDecision decision = router.route(request(state, options, "c"));
            assertThat(recompute(decision.trace())).isEqualTo(labels(decision));
            mounted += decision.active().size();
        }
        assertThat(mounted).as("not an empty exercise").isGreaterThan(5_000);
    }

    /// The decision steps once more, from the trace's numbers alone.
    private static List<String> recompute(RouteTrace trace) {
        if (!(trace.abstain().score() >= trace.abstain().tau())) return List.of();
        Map<String, Double> strength = new HashMap<>();
        double top = 0;
        double best = 0;
        List<LabelScore> open = new ArrayList<>();
        for (LabelScore one : trace.labels()) {
            double boost = trace.boosts().getOrDefault(one.label(), 0.0);
            double s = boost == 0 ? one.p() : 1 / (1 + Math.exp(-(Math.log(one.p()) - Math.log1p(-one.p())) - boost));
            if (one.p() < one.threshold()) continue;
            strength.put(one.label(), s);
            top = Math.max(top, s);
            if ("no_harm_table".equals(one.droppedBy())) continue;
            best = Math.max(best, one.p());
            open.add(one);
        }
        if (trace.baseP() > best) return List.of();
        double floor = trace.relativeFloor() * top;
        open.removeIf(one -> strength.get(one.label()) < floor);
        open.sort((a, b) -> Double.compare(strength.get(b.label()), strength.get(a.label())));
        List<String> set = new ArrayList<>();
        for (LabelScore one : open) {
            boolean joins = set.isEmpty() || switch (trace.breadth()) {
                case SINGLE -> false;
                case ALL -> true;
                case AUTO -> set.stream().allMatch(other ->
                        "allowed".equals(trace.pairs().get(CompositionTable.key(other, one.label()))));
            };
            if (!joins || set.size() == trace.topK()) break;
            set.add(one.label());
        }
        return set;
    }

    @Test
    void weightsAreSixtyFourthsThatSumToOne() {
        SplittableRandom random = new SplittableRandom(5);
        for (int round = 0; round < 2_000; round++) {
            double[] p = random.doubles(1 + random.nextInt(4)).map(x -> 0.001 + x).toArray();
            int[] parts = MixingWeights.of(p, CompositionTable.Weights.CONVEX);
            int sum = 0;
            for (int part : parts) {
                assertThat(part).isPositive();
                sum += part;
            }
            assertThat(sum).isEqualTo(64);
        }
        assertThat(MixingWeights.of(new double[] {0.81, 0.34}, CompositionTable.Weights.CONVEX)).containsExactly(45, 19);
        assertThat(MixingWeights.of(new double[] {0.9, 0.1}, CompositionTable.Weights.UNIT)).containsExactly(64, 64);
        assertThat(MixingWeights.quantize(1e-9)).isEqualTo(1);
    }

    @Test
    void forcedExpertsBypassTheRouter() {
        RouterState state = FixedRouter.state(-1, 0, 0.1, 0.1, 0.9);
        MetaRouter router = new MetaRouter(state);
        RouteOptions two = ALL.withForced(List.of(new RouteOptions.Forced("l1", 0.7), new RouteOptions.Forced("l0", 1)));
        RouteDecision decision = router.route(request(state, two, null));
        assertThat(decision.reason()).isEqualTo(RouteReason.FORCED);
        assertThat(labels(decision)).containsExactly("l1", "l0");
        assertThat(decision.active().getFirst().weight()).isCloseTo(0.7, within(1 / 128.0));
        assertThatThrownBy(() -> router.route(request(state, ALL.withForced(List.of(new RouteOptions.Forced("nope", 1))), null)))
                .isInstanceOf(FaultException.class).hasMessageContaining("unknown_expert").hasMessageContaining("l0, l1");
    }

    @Test
    void badOptionsAreRefusedWithTheirCode() {
        refused("invalid_top_k", () -> ALL.withTopK(5));
        refused("invalid_top_k", () -> ALL.withTopK(0));
        refused("invalid_threshold", () -> ALL.withThreshold(1.01));
        refused("invalid_threshold", () -> ALL.withThreshold(Double.NaN));
        refused("invalid_weight", () -> new RouteOptions.Forced("a", 0));
        refused("invalid_weight", () -> new RouteOptions.Forced("a", 2.5));
        RouteOptions.Forced a = new RouteOptions.Forced("a", 1);
        refused("duplicate_expert", () -> ALL.withForced(List.of(a, a)));
        refused("too_many_experts", () -> ALL.withForced(List.of(a, new RouteOptions.Forced("b", 1),
                new RouteOptions.Forced("c", 1), new RouteOptions.Forced("d", 1), new RouteOptions.Forced("e", 1))));
    }

    private static void refused(String code, Runnable call) {
        assertThatThrownBy(call::run).isInstanceOf(FaultException.class).hasMessageContaining(code);
    }
}
