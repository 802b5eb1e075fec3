// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.eval.Intervals;
import dev.stoa.eval.Intervals.Interval;
import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.Plant;
import dev.stoa.eval.world.Skill;
import dev.stoa.eval.world.Split;
import dev.stoa.eval.world.World;
import dev.stoa.generate.Compose;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Several experts at once (claim D8): every recipe and way of combining, on prompts of two domains, on single prompts
/// with a neighbour mounted, and with four mounted.
final class Composition implements Phase<Composition.Result> {
    private static final int NAIVE_PAIRS = 2;
    private static final double WARN_DROP = 0.10;

    /// One row of the table. `own` is the mean accuracy of an expert with its partner mounted, `worst` its lowest cell;
    /// `two` that of two-domain prompts, `twoWins` of them right; `four` the mean of four mounted experts on their own
    /// domains over their solo accuracy; `conflict` the mean of the planted conflict pair on its own domains.
    record Row(String recipe, String compose, double own, double worst, double two, int twoWins, double four, double conflict,
            double tokensPerSecond) {}

    record Result(List<Row> rows, String chosen, int twoItems, double bestSingle, double ceiling, List<String> warnings) {
        Row chosenRow() {
            return rows.stream().filter(row -> row.recipe().equals(ExpertsPhase.Job.COMPOSABLE) && row.compose().equals(chosen))
                    .findFirst().orElseThrow();
        }

        Interval two() {
            return Intervals.wilson(chosenRow().twoWins(), twoItems);
        }
    }

    @Override
    public String name() {
        return "5-composition";
    }

    @Override
    public String title() {
        return "experts together";
    }

    @Override
    public int budgetSeconds() {
        return 30;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    /// The domains that also get a naive expert: those of the first planted pairs, a conflict pair first.
    static List<String> naiveDomains(World world) {
        Set<String> names = new LinkedHashSet<>();
        for (Plant.Type type : List.of(Plant.Type.CONFLICT, Plant.Type.AGREEMENT)) {
            for (Plant plant : world.plants()) {
                if (plant.type() != type || plant.domains().size() != 2 || names.size() >= 2 * NAIVE_PAIRS) continue;
                if (plant.domains().stream().allMatch(name -> has(world, name))) names.addAll(plant.domains());
            }
        }
        return List.copyOf(names);
    }

    private static boolean has(World world, String name) {
        return world.domains().stream().map(Domain::name).anyMatch(name::equals);
    }

    @Override
    public Result run(Workbench bench) throws IOException {
        World world = bench.world;
        List<String> names = naiveDomains(world);
        // partners share no key: the first of one planted pair with the first of the other, and so on
        List<List<String>> pairs = List.of(List.of(names.get(0), names.get(2)), List.of(names.get(1), names.get(3)));
        List<String> conflict = names.subList(0, 2);
        Scoring scoring = new Scoring(bench);
        List<Row> rows = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        for (String recipe : List.of(ExpertsPhase.Job.NAIVE, ExpertsPhase.Job.COMPOSABLE)) {
            Map<String, Adapter> experts = new TreeMap<>();
            for (String name : names) experts.put(name, Mounted.load(bench, ExpertsPhase.Job.of(name, recipe).name()));
            Map<String, Double> solo = new TreeMap<>();
            for (String name : names) solo.put(name, own(bench, scoring, name, AdapterSet.of(experts.get(name)), Compose.SUM).accuracy());
            for (Compose compose : Compose.values()) {
                bench.progress.step(recipe + ", " + compose.name().toLowerCase(Locale.ROOT), rows.size(), 6);
                rows.add(row(bench, scoring, recipe, compose, pairs, conflict, experts, solo));
            }
            for (int i = 0; recipe.equals(ExpertsPhase.Job.NAIVE) && i < 2; i++) {
                Row sum = rows.getFirst();
                double drop = solo.get(conflict.get(i)) - sum.conflict();
                if (drop > WARN_DROP) {
                    warnings.add(String.format(Locale.ROOT, "naive %s loses %.2f beside %s", conflict.get(i), drop, conflict.get(1 - i)));
                }
            }
        }
        String chosen = rows.stream().filter(row -> row.recipe().equals(ExpertsPhase.Job.COMPOSABLE))
                .max((a, b) -> Double.compare(a.two() + a.own(), b.two() + b.own())).orElseThrow().compose();
        return result(bench, scoring, rows, chosen, pairs, warnings);
    }

    private static Row row(Workbench bench, Scoring scoring, String recipe, Compose compose, List<List<String>> pairs,
            List<String> conflict, Map<String, Adapter> experts, Map<String, Double> solo) throws IOException {
        double own = 0, worst = 1, two = 0, tokens = 0, seconds = 0;
        int twoWins = 0;
        for (List<String> pair : pairs) {
            AdapterSet set = set(experts, pair);
            for (String name : pair) {
                double accuracy = own(bench, scoring, name, set, compose).accuracy();
                own += accuracy / (2 * pairs.size());
                worst = Math.min(worst, accuracy);
            }
            Scoring.Outcome outcome = scoring.score(together(bench, pair), set, compose);
            two += outcome.accuracy() / pairs.size();
            twoWins += outcome.wins();
            tokens += outcome.tokens();
            seconds += outcome.seconds();
        }
        double four = 0, both = 0;
        for (String name : experts.keySet()) {
            double share = own(bench, scoring, name, set(experts, List.copyOf(experts.keySet())), compose).accuracy() / solo.get(name);
            four += Math.min(1, share) / experts.size();
        }
        for (String name : conflict) both += own(bench, scoring, name, set(experts, conflict), compose).accuracy() / conflict.size();
        return new Row(recipe, compose.name().toLowerCase(Locale.ROOT), own, worst, two, twoWins, four, both, tokens / seconds);
    }

    /// What the claim compares with, on the pairs together: the better of the two experts alone, and what the base reaches
    /// on two-part prompts whose keys it knows.
    private static Result result(Workbench bench, Scoring scoring, List<Row> rows, String chosen, List<List<String>> pairs,
            List<String> warnings) throws IOException {
        int items = 0;
        double single = 0;
        for (List<String> pair : pairs) {
            List<Item> prompts = together(bench, pair);
            items += prompts.size();
            double best = 0;
            for (String name : pair) {
                best = Math.max(best, scoring.score(prompts, AdapterSet.of(Mounted.load(bench, name)), Compose.SUM).accuracy());
            }
            single += best / pairs.size();
        }
        List<Item> known = Scoring.items(2 * bench.settings.perPair(), i -> bench.world.skill(Skill.TWO_LINES, Split.TEST, i));
        double ceiling = scoring.score(known, AdapterSet.BASE, Compose.SUM).accuracy();
        return new Result(rows, chosen, items, single, ceiling, warnings);
    }

    private static List<Item> together(Workbench bench, List<String> pair) {
        return Scoring.items(bench.settings.perPair(), i -> bench.world.together(i % 2 == 0 ? pair : pair.reversed(), Split.TEST, i));
    }

    private static Scoring.Outcome own(Workbench bench, Scoring scoring, String name, AdapterSet set, Compose compose) throws IOException {
        return scoring.score(Scoring.items(bench.settings.perPair(), i -> bench.world.question(name, Split.PROBE, i)), set, compose);
    }

    private static AdapterSet set(Map<String, Adapter> experts, List<String> names) {
        return new AdapterSet(names.stream().map(name -> new AdapterSet.Member(experts.get(name), 1)).toList());
    }

    /// Claim D8.
    Claim claim(Result result) {
        Interval two = result.two();
        boolean holds = two.value() >= result.bestSingle() + .50 && two.value() >= .90 * result.ceiling() && result.chosenRow().four() >= .90;
        String detail = String.format(Locale.ROOT, "%s; best single expert %.2f, ceiling %.2f, four mounted keep %.2f; %s", result.chosen(),
                result.bestSingle(), result.ceiling(), result.chosenRow().four(),
                result.warnings().isEmpty() ? "no naive conflict pair warned" : String.join("; ", result.warnings()));
        return Claim.required("D8", "two experts at once answer two-domain prompts", holds, two.value(), List.of(two.low(), two.high()),
                two.n(), result.bestSingle(), detail);
    }
}
