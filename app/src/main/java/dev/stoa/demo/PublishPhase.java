// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.eval.world.Domain;
import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.Split;
import dev.stoa.format.ModelDirectory;
import dev.stoa.gate.Forgetting;
import dev.stoa.gate.ForgettingReport;
import dev.stoa.gate.GateExit;
import dev.stoa.gate.GateReport;
import dev.stoa.gate.Health;
import dev.stoa.gate.HealthReport;
import dev.stoa.gate.PublicationGate;
import dev.stoa.gate.ServingPolicy;
import dev.stoa.gate.Uplift;
import dev.stoa.generate.Compose;
import dev.stoa.library.Evidence;
import dev.stoa.library.ExpertVersion;
import dev.stoa.library.Library;
import dev.stoa.library.Manifest;
import dev.stoa.library.State;
import dev.stoa.model.Model;
import dev.stoa.store.Disk;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Gates every expert and publishes those that pass into the library: health, uplift on fresh probes, effect on the
/// other domains, and from that which domains the base serves alone (claims D2, D5, D6).
final class PublishPhase implements Phase<PublishPhase.Result> {
    private static final Health.Options STRICT = Health.Options.STRICT;
    /// Items of every other domain: enough to see a harm of .15, the bound of the gate.
    private static final int OFF_DOMAIN_PROBES = 64;

    record HealthRow(String expert, boolean healthy, List<String> failures, Double meanEffectiveRank) {}

    record Angle(String prior, String fresh, Double degrees, String band) {}

    record Decision(String expert, String version, String state, int exit, double uplift, double low, double high, int n, List<String> reasons,
            double worstOffDomain, String worstDomain) {}

    /// `caught` maps each planted defect to what the health gate said about it (empty: it was missed).
    record Result(List<HealthRow> health, Map<String, String> caught, List<Angle> angles, List<Decision> decisions,
            Map<String, String> serve, Map<String, String> reasons) {
        List<String> published() {
            return decisions.stream().filter(each -> each.state().equals("published")).map(Decision::expert).toList();
        }
    }

    @Override
    public String name() {
        return "5-publish";
    }

    @Override
    public String title() {
        return "gates and library";
    }

    @Override
    public int budgetSeconds() {
        return 25;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    @Override
    public Result run(Workbench bench) throws IOException {
        Model model = bench.engine().model();
        Health.Base base = new Health.Base(model.hash(), model.linearShapes(), path -> model.weight(weightOf(model, path)));
        List<HealthRow> health = new ArrayList<>();
        Map<String, HealthReport> reports = new HashMap<>();
        for (ExpertsPhase.Job job : ExpertsPhase.jobs(bench.world)) {
            HealthReport report = Health.check(bench.adapter(job.name()), base, STRICT);
            reports.put(job.name(), report);
            health.add(new HealthRow(job.name(), report.healthy(), report.failures(), report.modules().stream()
                    .filter(module -> module.effectiveRank() != null).mapToDouble(HealthReport.ModuleHealth::effectiveRank).average().orElse(0)));
        }
        Map<String, String> caught = plantedDefects(bench, base);
        Stored.deleteTree(bench.library());
        List<Decision> decisions = new ArrayList<>();
        Map<String, String> serve = new LinkedHashMap<>(), reasons = new LinkedHashMap<>();
        List<ExpertsPhase.Job> candidates = candidates(bench);
        Map<String, boolean[]> baseScores = baseScores(bench);
        try (Library library = Library.open(bench.library())) {
            for (ExpertsPhase.Job job : candidates) {
                bench.progress.step("gate " + job.name(), decisions.size(), candidates.size());
                decisions.add(gate(bench, library, job, base.hash(), reports.get(job.name()), baseScores));
            }
            ServingPolicy policy = ServingPolicy.derive(library, model.hash(), bench.world.domains().stream().map(Domain::name).toList());
            policy.write(bench.library().resolve("serving_policy.json"), Disk.local());
            policy.domains().forEach((domain, entry) -> {
                serve.put(domain, entry.serve());
                reasons.put(domain, entry.reason());
            });
        }
        return new Result(health, caught, angles(bench), decisions, serve, reasons);
    }

    /// What is offered to the gate: the composable expert of each domain, and the vandals as their naive versions.
    private static List<ExpertsPhase.Job> candidates(Workbench bench) {
        List<ExpertsPhase.Job> jobs = new ArrayList<>();
        Set<String> vandals = ExpertsPhase.vandals(bench.world);
        for (Domain domain : bench.world.domains()) {
            if (vandals.contains(domain.name())) jobs.add(ExpertsPhase.Job.of(domain.name(), ExpertsPhase.Job.NAIVE));
            jobs.add(ExpertsPhase.Job.of(domain.name(), ExpertsPhase.Job.COMPOSABLE));
        }
        return jobs;
    }

    /// The base on the probes of every domain, asked once for all candidates.
    private static Map<String, boolean[]> baseScores(Workbench bench) throws IOException {
        Map<String, boolean[]> scores = new HashMap<>();
        for (Domain domain : bench.world.domains()) {
            bench.progress.step("base on probes of " + domain.name(), scores.size(), bench.world.domains().size());
            scores.put(domain.name(), new Scoring(bench).score(probes(bench, domain.name(), ownProbes(bench)), AdapterSet.BASE, Compose.SUM).right());
        }
        return scores;
    }

    private static int ownProbes(Workbench bench) {
        return Math.max(Uplift.MIN_ITEMS, bench.settings.perDomain());
    }

    private static List<Item> probes(Workbench bench, String domain, int count) {
        return Scoring.items(count, i -> bench.world.question(domain, Split.PROBE, i));
    }

    private static Decision gate(Workbench bench, Library library, ExpertsPhase.Job job, String baseHash, HealthReport health,
            Map<String, boolean[]> baseScores) throws IOException {
        String version = job.kind().equals(ExpertsPhase.Job.NAIVE) ? "1.0.0" : "2.0.0";
        Manifest draft = Manifest.of(job.domain(), version, List.of(job.domain()), identity(bench), CodeVersion.of(GateReport.class));
        ExpertVersion added = library.add(draft, bench.adapter(job.name()));
        library.move(job.domain(), version, State.GATING, "demo", List.of());
        AdapterSet expert = AdapterSet.of(Mounted.load(bench, job.name()));
        Scoring scoring = new Scoring(bench);
        Uplift uplift = Uplift.measure(job.domain(), scores(baseScores.get(job.domain())),
                scores(scoring.score(probes(bench, job.domain(), ownProbes(bench)), expert, Compose.SUM).right()));
        List<PublicationGate.OffDomain> off = new ArrayList<>();
        double worst = 0;
        String worstDomain = "";
        for (Domain other : bench.world.domains()) {
            if (other.name().equals(job.domain())) continue;
            boolean[] before = Arrays.copyOf(baseScores.get(other.name()), OFF_DOMAIN_PROBES);
            boolean[] after = scoring.score(probes(bench, other.name(), OFF_DOMAIN_PROBES), expert, Compose.SUM).right();
            double change = mean(after) - mean(before);
            off.add(new PublicationGate.OffDomain(other.name(), change, null, false));
            if (change < worst) {
                worst = change;
                worstDomain = other.name();
            }
        }
        PublicationGate.Decision decision = PublicationGate.decide(new PublicationGate.Request(job.domain(), baseHash, baseHash,
                Set.of("health"), List.of(new PublicationGate.Finding("health", health.healthy() ? GateExit.PASS : GateExit.HEALTH, baseHash)),
                uplift, off, false));
        GateReport.Subject subject = new GateReport.Subject(job.domain(), version, added.manifest().adapter().adapterHash());
        GateReport report = GateReport.of(uplift, CodeVersion.of(GateReport.class), "stoa demo", baseHash, subject);
        Evidence evidence = new Evidence(Evidence.UPLIFT, library.keepReport(Evidence.UPLIFT, report.runId(), report.toJson()),
                report.result().exitCode(), uplift.gain());
        if (decision.state() == State.PUBLISHED) library.publish(job.domain(), version, List.of(evidence));
        else library.move(job.domain(), version, decision.state(), String.join("; ", decision.reasons()), List.of(evidence));
        return new Decision(job.name(), version, decision.state().id(), decision.exit().code(), uplift.gain(), uplift.low(), uplift.high(),
                uplift.n(), decision.reasons(), worst, worstDomain);
    }

    private static Manifest.Base identity(Workbench bench) throws IOException {
        try (Scope scope = new Ledger().scope("identity")) {
            ModelDirectory base = ModelDirectory.open(bench.base(), scope);
            return new Manifest.Base(base.modelHash(), base.modelHash(), base.tokenizerHash(), base.templateHash());
        }
    }

    /// Copies of a healthy expert with one defect each, and what the health gate says.
    private static Map<String, String> plantedDefects(Workbench bench, Health.Base base) throws IOException {
        Adapter healthy = Mounted.load(bench, bench.world.domains().getFirst().name());
        Path place = Files.createTempDirectory(bench.options.out(), "defects");
        Map<String, String> caught = new LinkedHashMap<>();
        try {
            for (Defect defect : Defect.values()) {
                Path directory = place.resolve(defect.name().toLowerCase(Locale.ROOT));
                try (Scope scope = bench.engine().ledger().scope("defect")) {
                    PeftWriter.write(defect.plant(healthy, scope), "stoa-demo-base", base.shapes().keySet(), directory);
                    defect.damage(directory);
                    HealthReport report = Health.check(directory, base, STRICT);
                    caught.put(defect.name().toLowerCase(Locale.ROOT), report.healthy() ? "" : String.join("; ", report.failures()));
                }
            }
        } finally {
            Stored.deleteTree(place);
        }
        return caught;
    }

    private static List<Angle> angles(Workbench bench) throws IOException {
        List<Angle> angles = new ArrayList<>();
        List<String> names = Composition.naiveDomains(bench.world);
        for (String prior : names) {
            for (String fresh : names) {
                if (prior.compareTo(fresh) >= 0) continue;
                ForgettingReport report = Forgetting.compare(Mounted.load(bench, prior), Mounted.load(bench, fresh), null);
                angles.add(new Angle(prior, fresh, report.angleDegreesMean(), report.band()));
            }
        }
        return angles;
    }

    private static String weightOf(Model model, String path) {
        return path.equals("lm_head") ? model.spec().headWeight() : path + ".weight";
    }

    private static double[] scores(boolean[] right) {
        double[] scores = new double[right.length];
        for (int i = 0; i < scores.length; i++) scores[i] = right[i] ? 1 : 0;
        return scores;
    }

    private static double mean(boolean[] right) {
        return Arrays.stream(scores(right)).average().orElseThrow();
    }

    List<Claim> claims(Workbench bench, Result result) {
        return List.of(health(result), baseOnly(bench, result), vandals(bench, result));
    }

    private static Claim health(Result result) {
        List<String> wrong = new ArrayList<>();
        for (HealthRow row : result.health()) if (!row.healthy()) wrong.add(row.expert() + ": " + row.failures());
        result.caught().forEach((defect, said) -> {
            if (said.isEmpty()) wrong.add("planted " + defect + " was not caught");
        });
        int checked = result.health().size() + result.caught().size();
        return Claim.required("D2", "trained experts are healthy, planted defects are caught", wrong.isEmpty(), checked - wrong.size(), null,
                checked, null, wrong.isEmpty() ? String.join("; ", result.caught().values()) : String.join("; ", wrong));
    }

    private static Claim baseOnly(Workbench bench, Result result) {
        List<String> expected = new ArrayList<>(), found = new ArrayList<>();
        for (Domain domain : bench.world.domains()) {
            String group = GatePhase.group(bench.world, domain);
            if (group.equals("known")) expected.add(domain.name() + ": no_measured_gain");
            if (group.equals("toxic")) expected.add(domain.name() + ": harmful");
            if ("base_only".equals(result.serve().get(domain.name()))) found.add(domain.name() + ": " + result.reasons().get(domain.name()));
        }
        return Claim.required("D5", "which domains the base serves alone follows from the numbers", expected.equals(found), found.size(), null,
                bench.world.domains().size(), (double) expected.size(), "expected " + expected + ", derived " + found);
    }

    private static Claim vandals(Workbench bench, Result result) {
        List<String> stopped = new ArrayList<>(), passed = new ArrayList<>();
        for (String vandal : ExpertsPhase.vandals(bench.world)) {
            Decision decision = result.decisions().stream()
                    .filter(each -> each.expert().equals(ExpertsPhase.Job.of(vandal, ExpertsPhase.Job.NAIVE).name())).findFirst().orElseThrow();
            (decision.state().equals("published") ? passed : stopped).add(String.format(Locale.ROOT, "%s %s, %+.2f on %s", vandal,
                    decision.state(), decision.worstOffDomain(), decision.worstDomain()));
        }
        if (stopped.isEmpty() && passed.isEmpty()) return Claim.notApplicable("D6", "vandals are stopped", "this size has none");
        return Claim.required("D6", "vandals are stopped", passed.isEmpty(), stopped.size(), null, stopped.size() + passed.size(), null,
                String.join("; ", passed.isEmpty() ? stopped : passed));
    }

    /// One planted defect of a healthy adapter.
    private enum Defect {
        ZERO_B, NAN, MISSING_PARTNER, OTHER_BASE;

        Adapter plant(Adapter healthy, Scope scope) {
            return switch (this) {
                case ZERO_B -> Planted.replaceFirst(healthy, low -> new Delta.LowRank(low.a(), scope.f32(low.b().shape()), low.scale()));
                case NAN -> Planted.replaceFirst(healthy, low -> {
                    var copy = scope.f32(low.b().shape());
                    copy.set(0, Float.NaN);
                    return new Delta.LowRank(low.a(), copy, low.scale());
                });
                case MISSING_PARTNER -> healthy;
                case OTHER_BASE -> new Adapter(healthy.hash(), "0".repeat(64), healthy.entries());
            };
        }

        void damage(Path directory) throws IOException {
            if (this == MISSING_PARTNER) Planted.dropOneFactor(directory);
        }
    }
}
