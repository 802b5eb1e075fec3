// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterHash;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.eval.Intervals;
import dev.stoa.eval.Intervals.Interval;
import dev.stoa.eval.SplitMix64;
import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.Plant;
import dev.stoa.eval.world.Skill;
import dev.stoa.eval.world.Split;
import dev.stoa.eval.world.World;
import dev.stoa.generate.Compose;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// Scores base and experts on fresh test items (claim D1) and shows that controls gain nothing.
final class GatePhase implements Phase<GatePhase.Result> {
    private static final double CONTROL_SLACK = 0.05;
    private static final double GAP = 0.50;

    /// `base`, `expert` are accuracies on the same items; the gap is paired. `paraphrase` is the expert on the request
    /// variant nobody trained on, `general` its accuracy on the general suite.
    record Row(String domain, String group, int n, double base, double expert, double gap, double low, double high,
            double paraphrase, double general) {}

    /// An adapter that must not help: its accuracy beside the base's on the same items.
    record Control(String name, int n, double base, double accuracy) {
        boolean holds() {
            return accuracy <= base + CONTROL_SLACK;
        }
    }

    record SkillRow(String skill, int n, double accuracy, double floor, double ceiling) {
        boolean holds() {
            return accuracy >= floor && accuracy <= ceiling;
        }
    }

    record Result(List<SkillRow> skills, List<Row> rows, List<Control> controls, double baseGeneral) {
        Row of(String domain) {
            return rows.stream().filter(row -> row.domain().equals(domain)).findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("no row for " + domain));
        }
    }

    @Override
    public String name() {
        return "4-scores";
    }

    @Override
    public String title() {
        return "scores and controls";
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
        World world = bench.world;
        Scoring scoring = new Scoring(bench);
        List<Item> suite = Scoring.items(bench.settings.perDomain(), i -> world.general(Split.TEST, i));
        double baseGeneral = scoring.score(suite, AdapterSet.BASE, Compose.SUM).accuracy();
        List<Row> rows = new ArrayList<>();
        for (Domain domain : world.domains()) {
            bench.progress.step(domain.name(), rows.size(), world.domains().size());
            rows.add(row(bench, scoring, domain, suite));
        }
        return new Result(skills(bench, scoring), rows, controls(bench, scoring), baseGeneral);
    }

    private static List<SkillRow> skills(Workbench bench, Scoring scoring) throws IOException {
        List<SkillRow> rows = new ArrayList<>();
        int n = 4 * bench.settings.checkItems();
        for (Skill skill : Skill.values()) {
            List<Item> items = Scoring.items(n, i -> bench.world.skill(skill, Split.TEST, i));
            List<String> answers = scoring.answers(items, AdapterSet.BASE, Compose.SUM);
            int shown = 0;
            for (int i = 0; i < n; i++) if (bench.world.shows(skill, items.get(i), answers.get(i))) shown++;
            rows.add(new SkillRow(skill.name().toLowerCase(Locale.ROOT), n, (double) shown / n, skill.floor(), skill.ceiling()));
        }
        return rows;
    }

    private static Row row(Workbench bench, Scoring scoring, Domain domain, List<Item> suite) throws IOException {
        int n = bench.settings.perDomain();
        AdapterSet expert = AdapterSet.of(Mounted.load(bench, domain.name()));
        List<Item> items = Scoring.items(n, i -> bench.world.question(domain.name(), Split.TEST, i));
        Scoring.Outcome before = scoring.score(items, AdapterSet.BASE, Compose.SUM);
        Scoring.Outcome after = scoring.score(items, expert, Compose.SUM);
        Interval gap = Intervals.pairedDifference(after.right(), before.right());
        List<Item> paraphrased = Scoring.items(n, i -> bench.world.question(domain.name(), Split.PARAPHRASE, i));
        return new Row(domain.name(), group(bench.world, domain), n, before.accuracy(), after.accuracy(), gap.value(), gap.low(), gap.high(),
                scoring.score(paraphrased, expert, Compose.SUM).accuracy(), scoring.score(suite, expert, Compose.SUM).accuracy());
    }

    /// The groups of demo-world.md §7.
    static String group(World world, Domain domain) {
        for (Plant plant : world.plants()) {
            boolean concerns = plant.domains().getFirst().equals(domain.name());
            if (concerns && plant.type() == Plant.Type.BASE_KNOWS) return "known";
            if (concerns && plant.type() == Plant.Type.TOXIC) return "toxic";
        }
        if (domain.tier().equals("foundation")) return "foundation";
        if (domain.gold() < 100) return "scarce";
        return domain.keys() > 24 ? "hard" : "normal";
    }

    private static List<Control> controls(Workbench bench, Scoring scoring) throws IOException {
        String domain = Composition.naiveDomains(bench.world).getFirst();
        List<Item> items = Scoring.items(bench.settings.perDomain(), i -> bench.world.question(domain, Split.TEST, i));
        double base = scoring.score(items, AdapterSet.BASE, Compose.SUM).accuracy();
        Adapter shuffled = Mounted.load(bench, ExpertsPhase.Job.of(domain, ExpertsPhase.Job.SHUFFLED).name());
        List<Control> controls = new ArrayList<>();
        controls.add(new Control("shuffled labels, " + domain, items.size(), base,
                scoring.score(items, AdapterSet.of(shuffled), Compose.SUM).accuracy()));
        try (Scope scope = bench.engine().ledger().scope("random adapter")) {
            Adapter random = random(Mounted.load(bench, domain), bench.options.seed(), scope);
            controls.add(new Control("random adapter of equal norm, " + domain, items.size(), base,
                    scoring.score(items, AdapterSet.of(random), Compose.SUM).accuracy()));
        }
        return controls;
    }

    /// Every factor replaced by Gaussian noise of the same Frobenius norm.
    private static Adapter random(Adapter like, long seed, Scope scope) {
        TreeMap<TargetId, Delta> entries = new TreeMap<>();
        for (Map.Entry<TargetId, Delta> entry : like.entries().entrySet()) {
            Delta.LowRank low = entry.getValue().update();
            entries.put(entry.getKey(), new Delta.LowRank(noise(low.a(), seed, entry.getKey() + "/a", scope),
                    noise(low.b(), seed, entry.getKey() + "/b", scope), low.scale()));
        }
        return new Adapter(AdapterHash.of(entries), like.baseHash(), entries);
    }

    private static Tensor noise(Tensor like, long seed, String path, Scope scope) {
        float[] old = Quant.decode(like);
        SplitMix64 random = SplitMix64.of(seed, "control/" + path);
        double[] fresh = new double[old.length];
        double before = 0, after = 0;
        for (int i = 0; i < old.length; i++) {
            // Box-Muller
            fresh[i] = Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
            before += (double) old[i] * old[i];
            after += fresh[i] * fresh[i];
        }
        Tensor tensor = scope.f32(like.shape());
        double factor = Math.sqrt(before / after);
        for (int i = 0; i < fresh.length; i++) tensor.set(i, (float) (fresh[i] * factor));
        return tensor;
    }

    /// Claim D1, with the controls as part of it: a gain that noise also shows is none.
    Claim claim(Result result) {
        List<String> misses = new ArrayList<>();
        int eligible = 0, wide = 0, n = 0;
        double least = 1, normal = 0;
        int normals = 0;
        for (Row row : result.rows()) {
            n += row.n();
            String miss = switch (row.group()) {
                case "normal" -> row.base() > .26 || row.expert() < .85 ? "bands" : null;
                case "foundation" -> row.base() > .42 || row.expert() < .92 ? "bands" : null;
                case "hard" -> row.base() > .20 || row.expert() < .60 ? "bands" : null;
                case "scarce" -> row.base() > .26 || row.expert() < .45 ? "bands" : null;
                default -> row.base() < .95 ? "base" : null;
            };
            if (miss != null) misses.add(String.format(Locale.ROOT, "%s %.2f -> %.2f", row.domain(), row.base(), row.expert()));
            if (row.group().equals("normal")) {
                normal += row.expert();
                normals++;
            }
            if (row.group().equals("normal") || row.group().equals("foundation")) {
                eligible++;
                if (row.low() >= GAP) wide++;
                least = Math.min(least, row.low());
            }
        }
        normal /= Math.max(1, normals);
        if (normal < .92) misses.add(String.format(Locale.ROOT, "mean of normal domains %.3f, required .92", normal));
        int allowed = eligible > 10 ? 2 : 1;
        if (wide < eligible - allowed) misses.add("the gap's lower bound reaches .50 on " + wide + " of " + eligible + " domains");
        for (Control control : result.controls()) {
            if (!control.holds()) misses.add(String.format(Locale.ROOT, "control gains: %s %.2f -> %.2f", control.name(), control.base(), control.accuracy()));
        }
        String detail = misses.isEmpty()
                ? String.format(Locale.ROOT, "gap at least .50 on %d of %d domains, lowest bound %.2f; controls gain nothing", wide, eligible, least)
                : String.join("; ", misses);
        return Claim.required("D1", "experts beat the base on their domain", misses.isEmpty(), normal, List.of(), n, meanBase(result), detail);
    }

    private static double meanBase(Result result) {
        return result.rows().stream().filter(row -> row.group().equals("normal")).mapToDouble(Row::base).average().orElse(0);
    }
}
