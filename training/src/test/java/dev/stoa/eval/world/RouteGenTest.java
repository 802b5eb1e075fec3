// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.eval.world.RouteGen.OutOfDomain;
import dev.stoa.eval.world.RouteGen.Row;
import dev.stoa.eval.world.RouteGen.Use;
import dev.stoa.eval.world.RoutePosterior.Scores;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class RouteGenTest {
    private static final RouteGen CI = RouteGen.of(World.of(42, WorldSize.CI));

    @Test
    void theBoundFromThePosteriorEqualsWhatTheBestRouterAchieves() {
        requireEqual(CI, 40_000, .005);
        requireEqual(RouteGen.of(World.of(42, WorldSize.FULL)), 1_500, .03);
    }

    @Test
    @Tag("slow")
    void theBoundOfTheFullWorldEqualsWhatTheBestRouterAchieves() {
        requireEqual(RouteGen.of(World.of(42, WorldSize.FULL)), 80_000, .005);
    }

    @Test
    void theBoundIsWhereTheDesignPutIt() {
        RouteGen full = RouteGen.of(World.of(42, WorldSize.FULL));
        Scores bound = full.posterior().bound(rows(full, Use.TEST, 1_000)); // simulated: .78, .95, .743
        assertThat(bound.topOne()).isCloseTo(.78, within(.03));
        assertThat(bound.topThree()).isCloseTo(.94, within(.03));
        assertThat(bound.f1()).isCloseTo(.743, within(.03));
    }

    /// Every prompt of two terms over every label set, weighed by its probability: no sampling at all.
    @Test
    void theExpectedScoresAreExactOnEveryPromptOfASmallWorld() {
        List<String> labels = List.of("a", "b", "c");
        List<String> terms = List.of("t", "u", "v", "w");
        double[][] given = {{.5, .2, .2, .1}, {.1, .6, .2, .1}, {.25, .25, .25, .25}};
        double[] counts = {.6, .3, .1};
        RoutePosterior posterior = new RoutePosterior(labels, terms, given, counts);
        double expected = 0;
        double achieved = 0;
        double mass = 0;
        for (int set = 1; set < 8; set++) {
            List<String> truth = new ArrayList<>();
            for (int c = 0; c < 3; c++) if ((set >> c & 1) == 1) truth.add(labels.get(c));
            double prior = counts[truth.size() - 1] / (truth.size() == 3 ? 1 : 3);
            for (String first : terms) {
                for (String second : terms) {
                    double p = prior;
                    for (String term : List.of(first, second)) {
                        double mean = 0;
                        for (String label : truth) mean += given[labels.indexOf(label)][terms.indexOf(term)];
                        p *= mean / truth.size();
                    }
                    Row row = new Row("", List.of(first, second), truth);
                    Scores exact = posterior.expected(row.terms());
                    Scores real = posterior.achieved(row);
                    mass += p;
                    expected += p * (exact.topOne() + exact.topThree() + exact.f1());
                    achieved += p * (real.topOne() + real.topThree() + real.f1());
                }
            }
        }
        assertThat(mass).isCloseTo(1, within(1e-12));
        assertThat(expected).isCloseTo(achieved, within(1e-12));
        double[] labelProbabilities = posterior.ofLabels(List.of("t", "t"));
        assertThat(labelProbabilities[0]).isGreaterThan(labelProbabilities[1]);
        assertThat(posterior.ofLabels(List.of("never seen"))).containsExactly(posterior.ofLabels(List.of()));
    }

    @Test
    void aRouterThatLooksAtOneTermStaysBelowTheBound() {
        RoutePosterior posterior = CI.posterior();
        List<Row> rows = rows(CI, Use.TEST, 3_000);
        double oneTerm = rows.stream().mapToDouble(row ->
                posterior.achieved(new Row("", row.terms().subList(0, 1), row.labels())).topOne()).average()
                        .orElseThrow();
        assertThat(oneTerm).isLessThan(posterior.bound(rows).topOne() - .1);
    }

    @Test
    void rowsHaveTheirSharesAndUsesTheirOwnRows() {
        List<Row> rows = rows(CI, Use.TRAIN, 4_000);
        assertThat(rows.stream().filter(row -> row.labels().size() == 1).count() / 4_000.0).isCloseTo(.65, within(.03));
        assertThat(rows.stream().filter(row -> row.labels().size() == 3).count() / 4_000.0).isCloseTo(.07, within(.02));
        assertThat(rows).allMatch(row -> row.terms().size() >= 2 && row.terms().size() <= 5
                && new HashSet<>(row.labels()).size() == row.labels().size());
        assertThat(CI.rows(Use.TRAIN)).isEqualTo(3_000);
        assertThat(RouteGen.of(World.of(1, WorldSize.FULL)).rows(Use.TRAIN)).isEqualTo(12_000);
        assertThat(CI.row(Use.TEST, 3)).isEqualTo(CI.row(Use.TEST, 3)).isNotEqualTo(CI.row(Use.CERTIFICATE, 3));
    }

    @Test
    void textsOutsideEveryDomainNameNoneOfThem() {
        List<String> keywords = CI.labels().stream()
                .flatMap(label -> Catalog.standard().domain(label).keywords().stream())
                .map(keyword -> " " + String.join(" ", Words.split(keyword)) + " ")
                        .filter(keyword -> keyword.length() > 4).toList();
        for (OutOfDomain family : OutOfDomain.values()) {
            Set<String> texts = new HashSet<>();
            for (int i = 0; i < 300; i++) {
                String text = CI.outOfDomain(family, i);
                assertThat(keywords).as(text).noneMatch((" " + String.join(" ", Words.split(text)) + " ")::contains);
                texts.add(text);
            }
            assertThat(texts.size()).isGreaterThan(family == OutOfDomain.EMPTY ? 2 : 50);
        }
        assertThat(CI.outOfDomain(OutOfDomain.EMPTY, 1)).isBlank();
    }

    private static void requireEqual(RouteGen routes, int n, double tolerance) {
        RoutePosterior posterior = routes.posterior();
        List<Row> rows = rows(routes, Use.TEST, n);
        Scores bound = posterior.bound(rows);
        Scores sampled = RoutePosterior.mean(rows.stream().map(posterior::achieved).toList());
        assertThat(bound.topOne()).isCloseTo(sampled.topOne(), within(tolerance));
        assertThat(bound.topThree()).isCloseTo(sampled.topThree(), within(tolerance));
        assertThat(bound.f1()).isCloseTo(sampled.f1(), within(tolerance));
    }

    private static List<Row> rows(RouteGen routes, Use use, int n) {
        return IntStream.range(0, n).mapToObj(i -> routes.row(use, i)).toList();
    }
}
