// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.gate.AnswerScorer;
import dev.stoa.gate.Forgetting;
import dev.stoa.gate.ForgettingReport;
import dev.stoa.gate.Health;
import dev.stoa.gate.HealthReport;
import dev.stoa.gate.Uplift;
import dev.stoa.serve.BaseModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa expert gate [health|forgetting|uplift]`: is the adapter a working update of this base, does it share directions with
/// earlier ones, and does it answer better than the base. The angle is a diagnostic: it never fails alone.
@Command(name = "gate", sortOptions = false, description = "Check an adapter: health, the forgetting angle to earlier ones, the gain over the base.",
        footer = {
            "", "Examples:", "  stoa expert gate --base base --expert adapters/new",
            "  stoa expert gate forgetting --base base --expert adapters/new --against adapters/old",
            "  stoa expert gate uplift --base base --expert adapters/new --probes held-out.jsonl"
        })
final class ExpertGateVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(arity = "0..1", paramLabel = "health|forgetting|uplift", description = "Only this check.")
    private String only;

    @Option(names = "--base", required = true, paramLabel = "MODEL", description = "The base: a model directory or a GGUF file.")
    private Path base;

    @Option(names = "--expert", required = true, paramLabel = "DIR", description = "The adapter's directory.")
    private Path expert;

    @Option(names = "--against", paramLabel = "DIR", description = "An earlier adapter (repeatable).")
    private List<Path> against = List.of();

    @Option(names = "--probes", paramLabel = "FILE", description = "Held-out rows of its domain: is it better than the base?")
    private Path probes;

    @Option(names = "--scorer", paramLabel = "NAME", defaultValue = "exact", description = "exact or containment (default: ${DEFAULT-VALUE}).")
    private AnswerScorer scorer;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    ExpertGateVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("expert gate");
        boolean health = only == null || only.equals("health");
        boolean forgetting = only == null || only.equals("forgetting");
        boolean uplift = only == null ? probes != null : only.equals("uplift");
        if (!health && !forgetting && !uplift) {
            throw Fault.of(AppFault.USAGE, "unknown check \"%s\"", only).expected("health, forgetting or uplift").exception();
        }
        if (uplift && probes == null) throw Fault.of(AppFault.USAGE, "the gain needs held-out rows").next("add --probes FILE").exception();
        if (forgetting && only != null && against.isEmpty()) {
            throw Fault.of(AppFault.USAGE, "the forgetting angle needs an earlier adapter").next("add --against DIR").exception();
        }
        ProbeSet asked = uplift ? ProbeSet.read(probes) : null;
        Map<String, Object> facts = new LinkedHashMap<>();
        boolean passed = true;
        ExitCode exit = ExitCode.NEGATIVE;
        try (BaseModel loaded = model.open(base, null, console)) {
            if (health) {
                HealthReport report = Health.check(expert, Health.Base.of(loaded.engine().model()), Health.Options.STRICT);
                passed = report.healthy();
                console.line("health      %s  %d/%d B non-zero", console.verdict(report.healthy() ? "ok" : "fail"),
                        report.totalLoraB() - report.zeroLoraB(), report.totalLoraB());
                for (String failure : report.failures()) console.line("            %s", failure);
                for (String warning : report.warnings()) console.warn("%s", warning);
                facts.put("health", report);
            }
            if (passed && forgetting && !against.isEmpty()) facts.put("forgetting", angles(loaded, console));
            if (passed && uplift) {
                AdapterSet adapted = AdapterSet.of(loaded.engine().adapters().load("expert", expert));
                Uplift gain = asked.measure(String.valueOf(expert.getFileName()), loaded, adapted, scorer, console).uplift();
                ProbeSet.show(gain, console);
                facts.put("uplift", gain);
                passed = gain.outcome() == Uplift.Outcome.EXPERT;
                if (gain.outcome() == Uplift.Outcome.HELD) exit = ExitCode.PARTIAL; // too few probes to say
            }
        }
        console.line("verdict     %s", passed ? "PASS" : "FAIL");
        facts.put("pass", passed);
        console.result(passed, facts);
        return passed ? ExitCode.DONE.number : exit.number;
    }

    private Map<String, Object> angles(BaseModel loaded, Console console) throws IOException {
        Adapter fresh = loaded.engine().adapters().load("new", expert);
        Map<String, Object> all = new LinkedHashMap<>();
        for (Path earlier : against) {
            Adapter prior = loaded.engine().adapters().load("prior", earlier);
            ForgettingReport report = Forgetting.compare(prior, fresh, null);
            Double mean = report.angleDegreesMean();
            boolean low = mean != null && (mean < Forgetting.ANGLE_LOW || !report.offendingModules().isEmpty());
            console.line("forgetting  %s  against %s: %s, %d modules under %.0f deg", console.verdict(low ? "warn" : "ok"), earlier,
                    mean == null ? "no module in common" : "mean %.1f deg".formatted(mean), report.offendingModules().size(), Forgetting.ANGLE_LOW);
            all.put(earlier.toString(), report);
        }
        return all;
    }
}
