// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.hub.HubCache;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa rm REF`: a snapshot out of the cache, with the blobs only it used.
@Command(name = "rm", sortOptions = false, description = "Remove a model from the cache, with the files only it used.",
        footer = {"", "Other revisions keep what they share with it. The cache is shared with other tools.", "", "Examples:",
            "  stoa rm ORG/NAME", "  stoa rm ORG/NAME@REVISION --yes"})
final class RmVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(index = "0", paramLabel = "REF", description = "ORG/NAME[@REVISION] of a pulled model.")
    private String reference;

    @Option(names = "--yes", description = "Do not ask.")
    private boolean yes;

    @Option(names = "--dry-run", description = "Say what would be removed, and stop.")
    private boolean dryRun;

    @Option(names = "--private-cache", description = "From STOA_HOME/models instead of the cache other tools share.")
    private boolean own;

    RmVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("rm");
        HubCache cache = ModelReference.cache(session.terminal, own);
        HubCache.Snapshot snapshot = ModelReference.of(reference).snapshot(cache);
        if (snapshot == null) {
            throw Fault.of(EngineFault.MISSING_FILE, "the cache has no such model").got(reference).where(cache.root()).expected("ORG/NAME[@REVISION] of a pulled model")
                    .next("stoa ls lists what is there").exception();
        }
        console.say("%s at commit %s, %.1f MB in %s", snapshot.repo(), snapshot.commit(), snapshot.bytes() / 1e6, snapshot.path());
        long freed = 0;
        if (!dryRun) {
            if (!yes && !agreed(console)) {
                throw Fault.of(AppFault.USAGE, "nothing was removed").got("no agreement").expected("y on a terminal, or --yes").next("stoa rm " + reference + " --yes").exception();
            }
            freed = cache.remove(snapshot);
            console.line("%d bytes freed", freed);
        }
        Map<String, Object> facts = new LinkedHashMap<>(ModelReference.facts(snapshot));
        facts.put("freed_bytes", freed);
        facts.put("removed", !dryRun);
        console.result(facts);
        return ExitCode.DONE.number;
    }

    private boolean agreed(Console console) throws IOException {
        if (!session.terminal.inIsTerminal() || console.json()) return false;
        session.terminal.err().print("remove it? [y/N] ");
        session.terminal.err().flush();
        StringBuilder answer = new StringBuilder();
        for (int c = session.terminal.in().read(); c >= 0 && c != '\n'; c = session.terminal.in().read()) answer.append((char) c);
        return answer.toString().strip().equalsIgnoreCase("y");
    }
}
