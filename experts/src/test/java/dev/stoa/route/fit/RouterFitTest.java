// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.eval.world.RoutePosterior;
import dev.stoa.eval.world.WorldSize;
import dev.stoa.route.CompositionTable;
import dev.stoa.route.MetaRouter;
import dev.stoa.route.RouteDecision;
import dev.stoa.route.RouteRequest;
import dev.stoa.route.RouterState;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class RouterFitTest {
    private static final WorldRows CORPUS = new WorldRows(42, WorldSize.CI);
    private static final List<RouteRow> ROWS = new ArrayList<>();
    private static final int TEST = 2_000;
    private static List<RouteRow> test;
    private static RouterFit.Fitted fitted;

    @BeforeAll
    static void fit() {
        for (RouteRow.Split split : List.of(RouteRow.Split.TRAIN, RouteRow.Split.CALIBRATION, RouteRow.Split.CERTIFICATE)) {
            ROWS.addAll(CORPUS.rows(split, CORPUS.count(split)));
        }
        test = CORPUS.rows(RouteRow.Split.TEST, TEST);
        ROWS.addAll(test);
        fitted = RouterFit.fit(CORPUS.labels, ROWS, null, RouterFit.Options.DEFAULT);
    }

    @Test
    void reachesTheBayesBoundAndBeatsTheBaselines() {
        RouteScores ours = fitted.reports().getFirst().test();
        RoutePosterior.Scores bayes = CORPUS.bayes(TEST);
        RouteScores keyword = Baselines.keyword(CORPUS.keywords, test);
        RouteScores nearest = Baselines.nearest(
                ROWS.stream().filter(row -> row.split() == RouteRow.Split.TRAIN).toList(), test);
        assertThat(ours.top1()).isGreaterThan(bayes.topOne() - 0.02);
        assertThat(ours.top3()).isGreaterThan(bayes.topThree() - 0.02);
        assertThat(ours.f1()).isGreaterThan(bayes.f1() - 0.02);
        assertThat(ours.top1()).isGreaterThan(keyword.top1() + 0.03);
        assertThat(ours.f1()).isGreaterThan(nearest.f1() + 0.03);
        assertThat(bayes.topOne()).as("the set is hard: nothing scores one").isLessThan(0.9);
    }

    @Test
    void isCalibratedAndCertified() {
        FitReport report = fitted.reports().getFirst();
        assertThat(report.ece()).isLessThan(0.03);
        assertThat(report.certificate().certified()).isTrue();
        assertThat(report.certificate().falseRouteBound()).isLessThanOrEqualTo(0.05);
        assertThat(report.test().falseRoutes()).isLessThanOrEqualTo(0.05);
        assertThat(report.abstainAuroc()).isGreaterThan(0.95);
    }

    @Test
    void shuffledLabelsLearnNothing() {
        SplittableRandom random = new SplittableRandom(1);
        List<RouteRow> shuffled = new ArrayList<>();
        for (RouteRow row : ROWS) {
            if (row.split() == RouteRow.Split.TEST || row.labels().isEmpty()) shuffled.add(row);
            else shuffled.add(new RouteRow(row.text(), Set.of(CORPUS.labels.get(random.nextInt(8))), row.split()));
        }
        RouteScores scores = RouterFit.fit(CORPUS.labels, shuffled, null, RouterFit.Options.DEFAULT).reports().getFirst().test();
        // A text has 1.42 labels on average, so a blind guess is right in 1.42 / 8 of the cases.
        assertThat(scores.top1()).isBetween(0.08, 0.28);
    }

    @Test
    void answeringAlwaysTheFirstLabelIsFarBelow() {
        RouteScores.Tally tally = new RouteScores.Tally();
        for (RouteRow row : test) tally.add(row.labels(), CORPUS.labels, List.of(CORPUS.labels.getFirst()));
        RouteScores first = tally.scores("first");
        assertThat(first.top1()).isLessThan(CORPUS.bayes(TEST).topOne() - 0.4);
        assertThat(first.falseRoutes()).isEqualTo(1);
    }

    @Test
    void theServedRouterDecidesAsReported() {
        RouterState state = fitted.state().withRoster(RouterFit.everyLabel(CORPUS.labels));
        MetaRouter router = new MetaRouter(state);
        int right = 0;
        int n = 0;
        int falseRoutes = 0;
        for (RouteRow row : test) {
            RouteDecision decision = router.route(RouteRequest.of("t", row.text().user()));
            if (row.labels().isEmpty()) falseRoutes += decision.fallback() ? 0 : 1;
            else if (++n > 0 && !decision.fallback() && row.labels().contains(decision.active().getFirst().label())) right++;
        }
        assertThat((double) right / n).isGreaterThan(fitted.reports().getFirst().test().top1() - 0.03);
        assertThat((double) falseRoutes / (test.size() - n)).isEqualTo(fitted.reports().getFirst().test().falseRoutes());
        assertThat(router.failures()).isZero();
    }

    @Test
    void fittingTwiceGivesTheSameDecisions() {
        RouterState again = RouterFit.fit(CORPUS.labels, ROWS, null, RouterFit.Options.DEFAULT).state();
        RouterState once = fitted.state();
        assertThat(again.model().gate().tau()).isEqualTo(once.model().gate().tau());
        for (RouteRow row : test.subList(0, 200)) {
            if (row.text().user().isBlank()) continue;
            assertThat(again.model().score(row.text()).p()).containsExactly(once.model().score(row.text()).p());
        }
    }

    @Test
    void withoutOutOfDomainRowsNothingIsCertifiedButRoutingWorks() {
        List<RouteRow> inside = ROWS.stream().filter(row -> !row.labels().isEmpty()).toList();
        RouterFit.Fitted plain = RouterFit.fit(CORPUS.labels, inside, null, RouterFit.Options.DEFAULT);
        assertThat(plain.reports().getFirst().certificate().certified()).isFalse();
        assertThat(plain.reports().getFirst().certificate().missingRows()).isPositive();
        assertThat(plain.reports().getFirst().test().f1()).isGreaterThan(CORPUS.bayes(TEST).f1() - 0.04);
    }

    @Test
    void badRowsAreRefusedTogether() {
        List<RouteRow> rows = List.of(RouteRow.of("a", Set.of("x"), RouteRow.Split.TRAIN),
                RouteRow.of("b", Set.of("y"), RouteRow.Split.TRAIN));
        assertThatThrownBy(() -> RouterFit.fit(List.of("x", "z"), rows, null, RouterFit.Options.DEFAULT))
                .isInstanceOf(FaultException.class).hasMessageContaining("router_data_invalid")
                .hasMessageContaining("not listed: y").hasMessageContaining("no training row has: z")
                .hasMessageContaining("0 calibration rows");
    }

    @Test
    void compositionAndRosterAreNotFitted() {
        assertThat(fitted.state().roster()).isEmpty();
        assertThat(fitted.state().composition()).isEqualTo(CompositionTable.UNMEASURED);
        assertThat(new MetaRouter(fitted.state().withRoster(Map.of())).route(RouteRequest.of("t", test.getFirst().text().user()))
                .fallback()).isTrue();
    }
}
