// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.format.hub.HubCache;
import dev.stoa.format.hub.HubRepo;
import dev.stoa.model.pack.PackInspector;
import dev.stoa.model.pack.PackReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `stoa ls`: the models in the cache, or the experts of a library.
@Command(name = "ls", sortOptions = false, description = "List the models in the cache, or with --experts the experts of a library.",
        footer = {"", "STATE is complete (pulled and checked), partial (stoa pull goes on), or foreign (made by another tool).", "", "Examples:",
            "  stoa ls", "  stoa ls --long --json", "  stoa ls --experts lib"})
final class LsVerb implements Callable<Integer> {
    private static final int SHORT_COMMIT = 8;
    private final Session session;

    @Option(names = "--long", description = "Also family and parameters, from the heads of the files.")
    private boolean detailed;

    @Option(names = "--private-cache", description = "List STOA_HOME/models instead of the cache other tools share.")
    private boolean own;

    @Option(names = "--experts", paramLabel = "DIR", description = "The experts of this library instead; the same as stoa expert ls.")
    private Path experts;

    LsVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("ls");
        if (experts != null) {
            if (detailed || own) {
                throw Fault.of(AppFault.USAGE, "--experts lists a library, not the cache").got(detailed ? "--long" : "--private-cache").expected("--experts DIR alone").exception();
            }
            return ExpertLsVerb.list(console, experts);
        }
        HubCache cache = ModelReference.cache(session.terminal, own);
        List<List<String>> rows = new ArrayList<>();
        List<Map<String, Object>> models = new ArrayList<>();
        for (HubCache.Snapshot one : cache.snapshots()) {
            Map<String, Object> facts = new LinkedHashMap<>(ModelReference.facts(one));
            List<String> row = new ArrayList<>(List.of(one.repo().id(), one.refs().isEmpty() ? "-" : String.join(",", one.refs()),
                    one.commit().substring(0, SHORT_COMMIT), "%.1f".formatted(one.bytes() / 1e6), ModelReference.state(one)));
            if (detailed) {
                PackReport report = one.repo().kind() == HubRepo.Kind.MODEL ? PackInspector.inspect(new ModelReference(one.path().toString(), "", null, null).pack(cache)) : null;
                boolean known = report != null && report.family() != null;
                row.add(known ? report.family() : "-");
                row.add(known ? Long.toString(report.params()) : "-");
                facts.put("family", known ? report.family() : null);
                facts.put("params", known ? report.params() : null);
                facts.put("supported", report != null && report.supported());
            }
            rows.add(row);
            models.add(facts);
        }
        List<String> header = new ArrayList<>(List.of("MODEL", "REVISION", "COMMIT", "MB", "STATE"));
        if (detailed) header.addAll(List.of("FAMILY", "PARAMETERS"));
        if (rows.isEmpty()) console.say("no models in %s; stoa pull ORG/NAME fetches one", cache.root());
        else console.table(header, rows);
        console.result(Map.of("cache", cache.root().toString(), "models", models));
        return ExitCode.DONE.number;
    }
}
