// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.eval.Intervals;
import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.RouteGen;
import dev.stoa.eval.world.RouteGen.Use;
import dev.stoa.eval.world.RoutePosterior;
import dev.stoa.route.fit.Baselines;
import dev.stoa.route.fit.FitReport;
import dev.stoa.route.fit.RouteRow;
import dev.stoa.route.fit.RouteScores;
import dev.stoa.route.fit.RouterFit;
import dev.stoa.route.head.Certificate;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Fits the router on the routing set, whose best possible score is known exactly, and compares (claim D7).
final class RouterPhase implements Phase<RouterPhase.Result> {
    private static final double WITHIN = 0.02;
    private static final double FALSE_ROUTES = 0.05;
    private static final int OUT_OF_DOMAIN_SHARE = 8;
    /// Fewer rows would let noise of two points decide.
    private static final int LEAST_TEST = 2000;

    record Scored(String name, double top1, double top3, double f1, double falseRoutes) {
        static Scored of(RouteScores scores) {
            return new Scored(scores.name(), scores.top1(), scores.top3(), scores.f1(), scores.falseRoutes());
        }
    }

    /// `bound` is the Bayes bound on the test rows; `rows` the baselines and the router. `seconds` is the fit's time.
    record Result(int labels, int train, int test, Scored bound, List<Scored> rows, List<String> heads, double ece, boolean certified,
            double falseRouteBound, int outOfDomain, double auroc, double seconds) {
        Scored router() {
            return rows.getLast();
        }
    }

    @Override
    public String name() {
        return "6-router";
    }

    @Override
    public String title() {
        return "router";
    }

    @Override
    public int budgetSeconds() {
        return 20;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    @Override
    public Result run(Workbench bench) throws IOException {
        RouteGen generator = RouteGen.of(bench.world);
        List<RouteRow> rows = new ArrayList<>();
        for (Use use : Use.values()) {
            RouteRow.Split split = RouteRow.Split.valueOf(use.name());
            int count = use == Use.TEST ? Math.max(LEAST_TEST, generator.rows(use)) : generator.rows(use);
            for (int i = 0; i < count; i++) {
                RouteGen.Row row = generator.row(use, i);
                rows.add(RouteRow.of(row.text(), Set.copyOf(row.labels()), split));
            }
            outOfDomain(generator, use, count / OUT_OF_DOMAIN_SHARE, split, rows);
        }
        bench.progress.step("fit on " + rows.size() + " rows", 1, 3);
        long start = System.nanoTime();
        RouterFit.Fitted fitted = RouterFit.fit(generator.labels(), rows, null, RouterFit.Options.DEFAULT);
        double seconds = (System.nanoTime() - start) * 1e-9;
        bench.progress.step("baselines", 2, 3);
        FitReport report = fitted.reports().getFirst();
        List<RouteRow> train = of(rows, RouteRow.Split.TRAIN), test = of(rows, RouteRow.Split.TEST);
        List<RouteGen.Row> truth = new ArrayList<>();
        for (int i = 0; i < Math.max(LEAST_TEST, generator.rows(Use.TEST)); i++) truth.add(generator.row(Use.TEST, i));
        RoutePosterior.Scores bound = generator.posterior().bound(truth);
        List<Scored> scored = List.of(Scored.of(Baselines.keyword(keywords(bench), test)), Scored.of(Baselines.nearest(train, test)),
                Scored.of(report.test()));
        Certificate certificate = report.certificate();
        return new Result(generator.labels().size(), train.size(), truth.size(), new Scored("Bayes bound", bound.topOne(), bound.topThree(), bound.f1(), 0),
                scored, report.heads(), report.ece(), certificate.certified(), certificate.falseRouteBound(), report.test().outside(),
                report.abstainAuroc(), seconds);
    }

    /// Texts no expert should get, a few of every family.
    private static void outOfDomain(RouteGen generator, Use use, int count, RouteRow.Split split, List<RouteRow> rows) {
        RouteGen.OutOfDomain[] families = RouteGen.OutOfDomain.values();
        for (int i = 0; i < count; i++) {
            // disjoint index ranges keep the uses apart
            rows.add(RouteRow.of(generator.outOfDomain(families[i % families.length], use.ordinal() * 100_000L + i), Set.of(), split));
        }
    }

    private static List<RouteRow> of(List<RouteRow> rows, RouteRow.Split split) {
        return rows.stream().filter(row -> row.split() == split).toList();
    }

    private static Map<String, Set<String>> keywords(Workbench bench) {
        Map<String, Set<String>> keywords = new TreeMap<>();
        for (Domain domain : bench.world.domains()) {
            Set<String> words = new HashSet<>();
            for (String keyword : domain.keywords()) words.addAll(List.of(keyword.toLowerCase(Locale.ROOT).split("\\s+")));
            keywords.put(domain.name(), words);
        }
        return keywords;
    }

    /// Claim D7.
    Claim claim(Result result) {
        Scored bound = result.bound(), router = result.router();
        boolean close = router.top1() >= bound.top1() - WITHIN && router.top3() >= bound.top3() - WITHIN && router.f1() >= bound.f1() - WITHIN;
        boolean quiet = result.certified() && result.falseRouteBound() <= FALSE_ROUTES;
        Intervals.Interval top1 = Intervals.wilson((int) Math.round(router.top1() * result.test()), result.test());
        String detail = String.format(Locale.ROOT,
                "top-1 %.3f of %.3f, top-3 %.3f of %.3f, F1 %.3f of %.3f; false routes out of domain %.3f (bound %.3f, %s); ECE %.3f; keyword %.3f, kNN %.3f top-1",
                router.top1(), bound.top1(), router.top3(), bound.top3(), router.f1(), bound.f1(), router.falseRoutes(), result.falseRouteBound(),
                result.certified() ? "certified" : "not certified", result.ece(), result.rows().get(0).top1(), result.rows().get(1).top1());
        return Claim.required("D7", "routing within 2 points of the Bayes bound, abstaining out of domain", close && quiet, router.top1(),
                List.of(top1.low(), top1.high()), result.test(), bound.top1(), detail);
    }
}
