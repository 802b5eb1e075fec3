// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.format.hub.HubCache;
import dev.stoa.format.hub.Verification;
import dev.stoa.model.pack.PackInspector;
import dev.stoa.model.pack.PackIssue;
import dev.stoa.model.pack.PackReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa verify [REF]`: every byte of a model against its manifest, and the model against its own config.
@Command(name = "verify", sortOptions = false, description = "Read a model again and compare every file with its manifest.",
        footer = {"", "Without REF, every pulled model is verified. A snapshot that another tool made has no manifest: its files", "are compared with the hashes they are named by.",
            "Exit code 1 when a file differs or the model cannot be used.", "", "Examples:",
            "  stoa verify DIR", "  stoa verify ORG/NAME", "  stoa verify"})
final class VerifyVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(index = "0", arity = "0..1", paramLabel = "REF", description = "A directory, a GGUF file, or ORG/NAME[@REVISION] of a pulled model.")
    private String reference;

    @Option(names = "--private-cache", description = "Look in STOA_HOME/models instead of the cache other tools share.")
    private boolean own;

    VerifyVerb(Session session) {
        this.session = session;
    }

    private record Verified(String path, boolean ok, List<Verification.FileResult> files, List<PackIssue> issues) {}

    @Override
    public Integer call() throws IOException {
        Console console = session.console("verify");
        HubCache cache = ModelReference.cache(session.terminal, own);
        List<Verified> all = new ArrayList<>();
        if (reference != null) {
            all.add(verify(console, ModelReference.of(reference).pack(cache), true));
        } else {
            for (HubCache.Snapshot one : cache.snapshots()) all.add(verify(console, one.path(), false));
            if (all.isEmpty()) console.say("no models in %s", cache.root());
        }
        boolean ok = all.stream().allMatch(Verified::ok);
        console.result(ok, Map.of("models", all));
        return ok ? ExitCode.DONE.number : ExitCode.NEGATIVE.number;
    }

    /// A whole cache also holds datasets and parts of models, which are no packs: only their bytes are checked.
    private static Verified verify(Console console, Path pack, boolean inspect) throws IOException {
        List<Verification.FileResult> files = Verification.of(pack);
        boolean ok = true;
        console.line("%s", pack);
        for (Verification.FileResult file : files) {
            ok &= file.ok();
            String got = file.ok() ? file.got() : "got " + file.got() + ", expected " + file.expected();
            console.line("%s%s  %s", console.verdict(file.ok() ? file.expected() == null ? "warn" : "ok" : "fail"), file.path(),
                    file.expected() == null ? file.got() + "  (nothing to compare it with)" : got);
        }
        boolean model = inspect || Files.exists(pack.resolve("config.json"));
        List<PackIssue> issues = new ArrayList<>();
        if (model) {
            PackReport report = PackInspector.inspect(pack);
            for (PackIssue issue : report.issues()) if (issue.code() != PackIssue.Code.HASH_MISMATCH || files.isEmpty()) issues.add(issue);
            ok &= issues.stream().noneMatch(issue -> issue.severity() == PackIssue.Severity.ERROR);
        }
        ShowVerb.issues(console, issues);
        return new Verified(pack.toString(), ok, files, issues);
    }
}
