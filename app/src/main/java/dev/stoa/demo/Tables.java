// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The report's tables, from the phases' results.
final class Tables {
    private Tables() {}

    static List<Report.Table> of(BasePhase.Result base, ExpertsPhase.Result experts, GatePhase.Result scores, PublishPhase.Result published,
            Composition.Result together, RouterPhase.Result routing, ServePhase.Result served) {
        return List.of(training(base, experts), skills(scores), domains(scores), controls(scores), composition(together), routing(routing),
                gates(published), angles(published), served(served));
    }

    private static Report.Table training(BasePhase.Result base, ExpertsPhase.Result experts) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("base" + (base.cached() ? " (cached; figures of its training)" : ""), text("%d", base.steps()), text("%d", base.tokens()),
                text("%.1f", base.seconds()), text("%.0f", base.tokensPerSecond()), ""));
        for (ExpertsPhase.Trained each : experts.experts()) {
            rows.add(List.of(each.job().name(), text("%d", each.steps()), text("%d", each.tokens()), text("%.1f", each.seconds()),
                    text("%.0f", each.tokensPerSecond()), text("%d", each.chosenStep())));
        }
        return new Report.Table("Training", "Optimizer steps, tokens computed, seconds, tokens per second, and the step whose weights were kept.",
                List.of("model", "steps", "tokens", "seconds", "tokens/s", "kept"), rows);
    }

    private static Report.Table skills(GatePhase.Result scores) {
        List<List<String>> rows = new ArrayList<>();
        for (GatePhase.SkillRow row : scores.skills()) {
            rows.add(List.of(row.skill(), text("%.3f", row.accuracy()), text("%.2f", row.floor()), text("%.2f", row.ceiling()), text("%d", row.n()),
                    row.holds() ? "ok" : "MISSED"));
        }
        return new Report.Table("Self-check of the base", "What the base must do before any claim about experts means something; private keys must not leak.",
                List.of("skill", "accuracy", "at least", "at most", "n", ""), rows);
    }

    private static Report.Table domains(GatePhase.Result scores) {
        List<List<String>> rows = new ArrayList<>();
        for (GatePhase.Row row : scores.rows()) {
            rows.add(List.of(row.domain(), row.group(), text("%.3f", row.base()), text("%.3f", row.expert()),
                    text("%+.3f [%+.3f, %+.3f]", row.gap(), row.low(), row.high()), text("%.3f", row.paraphrase()), text("%.3f", row.general()), text("%d", row.n())));
        }
        return new Report.Table("Base and experts on their domain", text("Fresh test items, verified answers, paired 95 %% intervals. Paraphrase: a request variant "
                + "nobody was trained on. General: the general suite with the expert mounted (base %.3f).", scores.baseGeneral()),
                List.of("domain", "group", "base", "expert", "gap", "paraphrase", "general", "n"), rows);
    }

    private static Report.Table controls(GatePhase.Result scores) {
        List<List<String>> rows = new ArrayList<>();
        for (GatePhase.Control control : scores.controls()) {
            rows.add(List.of(control.name(), text("%.3f", control.base()), text("%.3f", control.accuracy()), text("%d", control.n()), control.holds() ? "ok" : "GAINS"));
        }
        return new Report.Table("Controls", "Adapters that must not help: at most base + 0.05.", List.of("control", "base", "with it", "n", ""), rows);
    }

    private static Report.Table composition(Composition.Result together) {
        List<List<String>> rows = new ArrayList<>();
        for (Composition.Row row : together.rows()) {
            rows.add(List.of(row.recipe(), row.compose(), text("%.3f", row.own()), text("%.3f", row.worst()), text("%.3f", row.two()), text("%.3f", row.four()),
                    text("%.3f", row.conflict()), text("%.0f", row.tokensPerSecond())));
        }
        return new Report.Table("Experts together", "Own domain with a partner mounted (mean, worst), two-domain prompts, four mounted (share of solo accuracy), "
                + "a planted conflict pair; chosen: " + together.chosen() + ".",
                List.of("trained", "combined", "own", "worst", "two-domain", "four", "conflict", "tokens/s"), rows);
    }

    private static Report.Table routing(RouterPhase.Result routing) {
        List<List<String>> rows = new ArrayList<>();
        List<RouterPhase.Scored> all = new ArrayList<>(routing.rows());
        all.add(routing.bound());
        for (RouterPhase.Scored each : all) {
            rows.add(List.of(each.name(), text("%.3f", each.top1()), text("%.3f", each.top3()), text("%.3f", each.f1()), text("%.3f", each.falseRoutes())));
        }
        return new Report.Table("Routing", text("%d labels, %d training rows, %d test rows; false routes on %d texts outside every domain. Heads kept: %s.",
                routing.labels(), routing.train(), routing.test(), routing.outOfDomain(), String.join(", ", routing.heads())),
                List.of("router", "top-1", "top-3", "F1", "false routes"), rows);
    }

    private static Report.Table served(ServePhase.Result served) {
        List<List<String>> rows = new ArrayList<>();
        for (ServePhase.Sample sample : served.samples()) {
            rows.add(List.of(sample.kind(), sample.prompt(), sample.answer(), sample.experts().isEmpty() ? "base" : String.join(" + ", sample.experts()),
                    sample.right() ? "right" : "wrong"));
        }
        return new Report.Table("Prompts served", "Asked through the OpenAI API with model \"stoa\": the router chooses the experts.",
                List.of("kind", "prompt", "answer", "experts", ""), rows);
    }

    private static Report.Table gates(PublishPhase.Result published) {
        List<List<String>> rows = new ArrayList<>();
        for (PublishPhase.Decision each : published.decisions()) {
            rows.add(List.of(each.expert() + "@" + each.version(), each.state(), text("%+.3f [%+.3f, %+.3f]", each.uplift(), each.low(), each.high()),
                    text("%+.3f", each.worstOffDomain()) + " " + each.worstDomain(), text("%d", each.n()), String.join("; ", each.reasons())));
        }
        return new Report.Table("Publication", "Uplift on fresh probes of the own domain and the worst effect on another one when mounted there alone.",
                List.of("expert", "decision", "uplift", "worst elsewhere", "n", "reasons"), rows);
    }

    private static Report.Table angles(PublishPhase.Result published) {
        List<List<String>> rows = new ArrayList<>();
        for (PublishPhase.Angle angle : published.angles()) {
            rows.add(List.of(angle.prior(), angle.fresh(), angle.degrees() == null ? "" : text("%.1f", angle.degrees()), String.valueOf(angle.band())));
        }
        return new Report.Table("Forgetting angle", "Smallest principal angle between two experts' updates, mean over modules, in degrees. A diagnostic: it decides nothing alone.",
                List.of("prior", "new", "degrees", "band"), rows);
    }

    static String text(String pattern, Object... args) {
        return String.format(Locale.ROOT, pattern, args);
    }
}
