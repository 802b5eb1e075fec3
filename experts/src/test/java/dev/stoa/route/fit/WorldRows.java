// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.fit;

import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.RouteGen;
import dev.stoa.eval.world.RoutePosterior;
import dev.stoa.eval.world.World;
import dev.stoa.eval.world.WorldSize;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// The routing set of a demo world as router rows: in-domain rows and, for every five of them, one from outside.
final class WorldRows {
    final List<String> labels;
    final Map<String, Set<String>> keywords = new TreeMap<>();
    private final RouteGen gen;
    private final RoutePosterior posterior;

    WorldRows(long seed, WorldSize size) {
        World world = World.of(seed, size);
        gen = RouteGen.of(world);
        labels = gen.labels();
        posterior = gen.posterior();
        for (Domain domain : world.domains()) keywords.put(domain.name(), new HashSet<>(domain.keywords()));
    }

    List<RouteRow> rows(RouteRow.Split split, int n) {
        RouteGen.OutOfDomain[] families = RouteGen.OutOfDomain.values();
        List<RouteRow> rows = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            rows.add(of(row(split, i), split));
            long index = split.ordinal() * 1_000_000L + i;
            if (i % 5 == 0) rows.add(RouteRow.of(gen.outOfDomain(families[i / 5 % families.length], index), Set.of(), split));
        }
        return rows;
    }

    /// As many rows as the generator says for each split.
    List<RouteRow> all() {
        List<RouteRow> rows = new ArrayList<>();
        for (RouteRow.Split split : RouteRow.Split.values()) rows.addAll(rows(split, count(split)));
        return rows;
    }

    int count(RouteRow.Split split) {
        return gen.rows(RouteGen.Use.valueOf(split.name()));
    }

    private RouteGen.Row row(RouteRow.Split split, int index) {
        return gen.row(RouteGen.Use.valueOf(split.name()), index);
    }

    private static RouteRow of(RouteGen.Row row, RouteRow.Split split) {
        return RouteRow.of(row.text(), Set.copyOf(row.labels()), split);
    }

    /// What the best possible router scores on the first n test rows.
    RoutePosterior.Scores bayes(int n) {
        double[] sum = new double[3];
        for (int i = 0; i < n; i++) {
            RoutePosterior.Scores one = posterior.achieved(row(RouteRow.Split.TEST, i));
            sum[0] += one.topOne() / n;
            sum[1] += one.topThree() / n;
            sum[2] += one.f1() / n;
        }
        return new RoutePosterior.Scores(sum[0], sum[1], sum[2]);
    }
}
