// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.eval.Intervals;
import dev.stoa.eval.Intervals.Interval;
import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.RouteGen;
import dev.stoa.eval.world.Split;
import dev.stoa.eval.world.World;
import dev.stoa.generate.Compose;
import dev.stoa.route.CompositionTable;
import dev.stoa.route.RouterState;
import dev.stoa.route.fit.RouteRow;
import dev.stoa.route.fit.RouterFit;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The router of the demo's server: fitted on prompts of the domains (alone and in pairs) and on texts that no expert
/// should get, with what was measured about experts together.
final class ServingRouter {
    private static final int PER_DOMAIN = 120;
    private static final int OUTSIDE = 60;
    private static final int PAIR_ITEMS = 24;
    private static final int MOST_PAIRS = 60;

    private ServingRouter() {}

    static RouterState fit(Workbench bench, List<String> published, Composition.Result together) throws IOException {
        List<String> labels = bench.world.domains().stream().map(Domain::name).toList();
        List<RouteRow> rows = new ArrayList<>();
        rows(bench.world, labels, Split.TRAIN, RouteRow.Split.TRAIN, PER_DOMAIN, rows);
        rows(bench.world, labels, Split.VALID, RouteRow.Split.CALIBRATION, PER_DOMAIN / 3, rows);
        rows(bench.world, labels, Split.PROBE, RouteRow.Split.CERTIFICATE, PER_DOMAIN / 3, rows);
        rows(bench.world, labels, Split.TEST, RouteRow.Split.TEST, PER_DOMAIN / 3, rows);
        RouterState state = RouterFit.fit(labels, rows, null, RouterFit.Options.DEFAULT).state();
        return state.withComposition(new CompositionTable(pairs(bench, published, together), modes(together), 0.02));
    }

    private static void rows(World world, List<String> labels, Split from, RouteRow.Split split, int perDomain, List<RouteRow> rows) {
        for (String label : labels) {
            for (int i = 0; i < perDomain; i++) rows.add(RouteRow.of(world.item(label, from, i).prompt(), Set.of(label), split));
        }
        SplitMix64 random = SplitMix64.of(world.seed(), "serving/pairs/" + split);
        for (int i = 0; i < perDomain * labels.size() / 3; i++) {
            List<String> pair = random.shuffled(labels).subList(0, 2);
            rows.add(RouteRow.of(world.together(pair, from, i).prompt(), Set.copyOf(pair), split));
        }
        RouteGen outside = RouteGen.of(world);
        RouteGen.OutOfDomain[] families = RouteGen.OutOfDomain.values();
        int count = split == RouteRow.Split.CERTIFICATE ? 4 * OUTSIDE : OUTSIDE;
        for (int i = 0; i < count; i++) {
            rows.add(RouteRow.of(outside.outOfDomain(families[i % families.length], split.ordinal() * 100_000L + i), Set.of(), split));
            rows.add(RouteRow.of(world.general(from, i).prompt(), Set.of(), split));
            rows.add(RouteRow.of(world.reader(from, i).prompt(), Set.of(), split));
        }
    }

    private static List<CompositionTable.Mode> modes(Composition.Result together) {
        return together.rows().stream().filter(row -> row.recipe().equals(ExpertsPhase.Job.COMPOSABLE))
                .map(row -> new CompositionTable.Mode(Compose.valueOf(row.compose().toUpperCase(Locale.ROOT)), CompositionTable.Weights.UNIT,
                        row.two(), 1 - row.own(), row.tokensPerSecond())).toList();
    }

    /// Which experts may be mounted together: those whose pair answers two-domain prompts better than either alone.
    private static Map<String, CompositionTable.Pair> pairs(Workbench bench, List<String> published, Composition.Result together)
            throws IOException {
        Compose compose = Compose.valueOf(together.chosen().toUpperCase(Locale.ROOT));
        List<List<String>> pairs = new ArrayList<>();
        for (String a : published) for (String b : published) if (a.compareTo(b) < 0) pairs.add(List.of(a, b));
        pairs = SplitMix64.of(bench.options.seed(), "serving/measured").shuffled(pairs);
        if (pairs.size() > MOST_PAIRS) pairs = pairs.subList(0, MOST_PAIRS);
        Map<String, CompositionTable.Pair> measured = new HashMap<>();
        Scoring scoring = new Scoring(bench);
        for (List<String> pair : pairs) {
            bench.progress.step("pair " + String.join(" + ", pair), measured.size(), pairs.size());
            List<Item> items = Scoring.items(PAIR_ITEMS, i -> bench.world.together(pair, Split.VALID, i));
            AdapterSet both = new AdapterSet(List.of(new AdapterSet.Member(Mounted.load(bench, pair.get(0)), 1),
                    new AdapterSet.Member(Mounted.load(bench, pair.get(1)), 1)));
            Scoring.Outcome joint = scoring.score(items, both, compose);
            Scoring.Outcome best = null;
            for (String name : pair) {
                Scoring.Outcome alone = scoring.score(items, AdapterSet.of(Mounted.load(bench, name)), Compose.SUM);
                if (best == null || alone.wins() > best.wins()) best = alone;
            }
            Interval gain = Intervals.pairedDifference(joint.right(), best.right());
            measured.put(CompositionTable.key(pair.get(0), pair.get(1)),
                    new CompositionTable.Pair(gain.value() >= 0, gain.value(), gain.low(), gain.high(), items.size()));
        }
        return measured;
    }
}
