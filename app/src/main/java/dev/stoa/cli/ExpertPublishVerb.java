// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.gate.GateReport;
import dev.stoa.gate.Health;
import dev.stoa.gate.HealthReport;
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
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa expert publish NAME`: stores a healthy adapter as a new version and makes it the serving one. The health
/// report is kept as evidence; an unhealthy adapter is rejected and nothing changes for those who are served.
@Command(name = "publish", sortOptions = false, description = "Store an adapter as a new version and let it serve.",
        footer = {"", "Examples:", "  stoa expert publish sql --library experts --base base --expert adapters/sql --domain sql"})
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

    @Mixin
    private final ModelOptions model = new ModelOptions();

    ExpertPublishVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("expert publish");
        try (Library store = Library.open(library); BaseModel loaded = model.open(base, null, console)) {
            HealthReport health = Health.check(expert, Health.Base.of(loaded.engine().model()), Health.Options.STRICT);
            if (!health.healthy()) {
                throw Fault.of(AppFault.REFUSED, "the adapter is not healthy, nothing was published").where(expert)
                        .issues(health.failures()).next("stoa expert gate health --base " + base + " --expert " + expert).exception();
            }
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
            List<Evidence> evidence = List.of(new Evidence("health", kept, report.result().exitCode(), null));
            store.move(name, next, State.GATING, "health", evidence);
            Active active = store.publish(name, next, evidence);
            console.line("published %s@%s", name, active.version());
            console.say("next   stoa serve %s --library %s", base, library);
            console.result(Map.of("name", name, "version", active.version(), "generation", active.generation()));
            return ExitCode.DONE.number;
        }
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
