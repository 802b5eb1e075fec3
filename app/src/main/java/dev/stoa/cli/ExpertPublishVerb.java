// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.gate.AnswerScorer;
import dev.stoa.gate.GateExit;
import dev.stoa.gate.GateReport;
import dev.stoa.gate.Health;
import dev.stoa.gate.HealthReport;
import dev.stoa.gate.PublicationGate;
import dev.stoa.library.Active;
import dev.stoa.library.AdapterFacts;
import dev.stoa.library.Evidence;
import dev.stoa.library.ExpertVersion;
import dev.stoa.library.Library;
import dev.stoa.library.Manifest;
import dev.stoa.library.State;
import dev.stoa.serve.BaseModel;
import dev.stoa.serve.Version;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa expert publish NAME`: stores a healthy adapter as a new version and makes it the serving one. With probes it must
/// also answer better than the base; one that does not is stored as `base_only` or `held` and does not serve. Reports are
/// kept as evidence. An unhealthy adapter is refused, and nothing changes for those who are served.
@Command(name = "publish", sortOptions = false, description = "Store an adapter as a new version and let it serve.",
        footer = {
            "", "Examples:", "  stoa expert publish sql --library experts --base base --expert adapters/sql --domain sql",
            "  stoa expert publish sql --library experts --base base --expert adapters/sql --probes held-out.jsonl", "",
            "Exit codes: 0 published, 4 too few probes, 5 refused by evidence."
        })
final class ExpertPublishVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(paramLabel = "NAME", description = "The expert's name.")
    private String name;

    @Option(names = "--library", required = true, paramLabel = "DIR", description = "The library's directory; made when missing.")
    private Path library;

    @Option(names = "--base", required = true, paramLabel = "MODEL", description = "The base: a model directory or a GGUF file.")
    private Path base;

    @Option(names = "--expert", required = true, paramLabel = "DIR", description = "The adapter's directory.")
    private Path expert;

    @Option(names = "--release", paramLabel = "V", description = "Version MAJOR.MINOR.PATCH (default: the next minor one).")
    private String version;

    @Option(names = "--domain", paramLabel = "NAME", description = "What it is an expert in (repeatable; default: its name).")
    private List<String> domains = List.of();

    @Option(names = "--probes", paramLabel = "FILE", description = "Held-out rows of its domain: publish only if it is better than the base.")
    private Path probes;

    @Option(names = "--scorer", paramLabel = "NAME", defaultValue = "exact", description = "exact or containment (default: ${DEFAULT-VALUE}).")
    private AnswerScorer scorer;

    @Option(names = "--allow-no-gain", description = "Publish without a measured gain (never a harmful one); stays on record.")
    private boolean allowNoGain;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    ExpertPublishVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("expert publish");
        if (allowNoGain && probes == null) throw Fault.of(AppFault.USAGE, "--allow-no-gain needs --probes FILE").exception();
        ProbeSet asked = probes == null ? null : ProbeSet.read(probes);
        try (Library store = Library.open(library); BaseModel loaded = model.open(base, null, console)) {
            HealthReport health = Health.check(expert, Health.Base.of(loaded.engine().model()), Health.Options.STRICT);
            if (!health.healthy()) {
                throw Fault.of(AppFault.REFUSED, "the adapter is not healthy, nothing was published").where(expert)
                        .issues(health.failures()).next("stoa expert gate health --base " + base + " --expert " + expert).exception();
            }
            ProbeSet.Measured measured = asked == null ? null : measure(asked, loaded, console);
            String hash = loaded.engine().model().hash();
            AdapterFacts facts = AdapterFacts.read(expert);
            String trainedOn = facts.baseHash() == null ? hash : facts.baseHash();
            Manifest.Base on = new Manifest.Base(trainedOn, trainedOn, loaded.engine().text().tokenizerHash(), loaded.engine().text().templateHash());
            String next = version == null ? next(store.versions(name)) : version;
            Manifest draft = Manifest.of(name, next, domains.isEmpty() ? List.of(name) : domains, on, Version.STOA);
            ExpertVersion added = store.add(draft, expert, facts);
            GateReport.Subject subject = new GateReport.Subject(name, next, added.manifest().adapter().adapterHash());
            GateReport report = GateReport.of(health, Version.STOA, "stoa expert publish", hash, subject);
            String kept = store.keepReport("health", report.runId(), report.toJson());
            List<Evidence> evidence = new ArrayList<>(List.of(new Evidence("health", kept, report.result().exitCode(), null)));
            store.move(name, next, State.GATING, "health", evidence);
            if (measured != null) {
                GateReport gain = asked.report(measured, Version.STOA, "stoa expert publish", hash, subject);
                evidence.add(new Evidence(Evidence.UPLIFT, store.keepReport(Evidence.UPLIFT, gain.runId(), gain.toJson()), gain.result().exitCode(),
                        measured.uplift().gain()));
                PublicationGate.Decision decision = PublicationGate.decide(new PublicationGate.Request(name, hash, hash, Set.of("health"),
                        List.of(new PublicationGate.Finding("health", GateExit.PASS, hash)), measured.uplift(), List.of(), allowNoGain));
                for (String warning : decision.warnings()) console.warn("%s", warning);
                if (decision.state() != State.PUBLISHED) return refused(store, next, decision, evidence, console);
            } else {
                console.warn("published without evidence that it is better than the base; add --probes FILE");
            }
            Active active = store.publish(name, next, evidence);
            console.line("published %s@%s", name, active.version());
            console.say("next   stoa serve %s --library %s", base, library);
            console.result(Map.of("name", name, "version", active.version(), "generation", active.generation()));
            return ExitCode.DONE.number;
        }
    }

    /// Before anything is stored: a probe that cannot be asked must not leave half a version.
    private ProbeSet.Measured measure(ProbeSet asked, BaseModel loaded, Console console) throws IOException {
        AdapterSet adapted = AdapterSet.of(loaded.engine().adapters().load(name, expert));
        ProbeSet.Measured measured = asked.measure(domains.isEmpty() ? name : domains.getFirst(), loaded, adapted, scorer, console);
        ProbeSet.show(measured.uplift(), console);
        return measured;
    }

    private int refused(Library store, String version, PublicationGate.Decision decision, List<Evidence> evidence, Console console) throws IOException {
        String reason = String.join("; ", decision.reasons());
        store.move(name, version, decision.state(), reason, evidence);
        console.line("not published: %s@%s is %s, %s", name, version, decision.state().id(), reason);
        console.result(false, Map.of("name", name, "version", version, "state", decision.state().id(), "reasons", decision.reasons()));
        return decision.exit().code();
    }

    /// One minor version above the highest; 1.0.0 for the first.
    private static String next(List<ExpertVersion> versions) {
        int major = 1;
        int minor = -1;
        for (ExpertVersion one : versions) {
            String[] parts = one.version().split("[.+-]");
            int thisMajor = Integer.parseInt(parts[0]);
            int thisMinor = Integer.parseInt(parts[1]);
            if (thisMajor > major || thisMajor == major && thisMinor > minor) {
                major = thisMajor;
                minor = thisMinor;
            }
        }
        return major + "." + (minor + 1) + ".0";
    }
}
