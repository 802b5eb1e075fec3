// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterFiles;
import dev.stoa.format.hub.HubCache;
import dev.stoa.format.hub.Verification;
import dev.stoa.model.AdapterFit;
import dev.stoa.model.convert.CopyCheck;
import dev.stoa.model.pack.PackInspector;
import dev.stoa.model.pack.PackIssue;
import dev.stoa.model.pack.PackReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa verify [REF]`: every byte of a model against its manifest, and the model against its own config; with `--against`
/// also a copy against the model it claims to be, or an adapter against its base.
@Command(name = "verify", sortOptions = false, description = "Read a model again and compare every file with its manifest.",
        footer = {"", "Without REF, every pulled model is verified. A snapshot that another tool made has no manifest: its files", "are compared with the hashes they are named by.",
            "With --against, a model must compute what BASE computes, each tensor within the error of its format, and",
            "agree with its tokenizer; its manifest then records BASE as origin, so that experts of BASE mount on it.",
            "An adapter must fit BASE: every tensor a matrix of its shape, and BASE the base it names, or a copy of that.",
            "Exit code 1 when a file differs, the model cannot be used, or it is no copy.", "", "Examples:",
            "  stoa verify DIR", "  stoa verify ORG/NAME", "  stoa verify", "  stoa verify model-q4.gguf --against DIR", "  stoa verify ADAPTER --against DIR"})
final class VerifyVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(index = "0", arity = "0..1", paramLabel = "REF", description = "A directory, a GGUF file, or ORG/NAME[@REVISION] of a pulled model; with --against also an adapter.")
    private String reference;

    @Option(names = "--against", paramLabel = "BASE", description = "The model that REF is a copy of, or an adapter for.")
    private String against;

    @Option(names = "--dry-run", description = "Compare with BASE, but record nothing.")
    private boolean dryRun;

    @Mixin
    private AdapterOptions adapter;

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
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("models", all);
        boolean ok = true;
        if (reference != null) {
            Path pack = ModelReference.of(reference).pack(cache);
            boolean isAdapter = AdapterFiles.present(pack);
            if (isAdapter && against == null) {
                throw Fault.of(AppFault.USAGE, "an adapter is verified for its base").where(pack).expected("--against BASE")
                        .next("stoa verify " + reference + " --against BASE").exception();
            }
            if (!isAdapter) all.add(verify(console, pack, true));
            ok = all.stream().allMatch(Verified::ok);
            if (against != null && ok) {
                Path base = ModelReference.of(against).pack(cache);
                ok = isAdapter ? fits(console, pack, base, result) : copies(console, pack, base, result);
            }
        } else if (against != null) {
            throw Fault.of(AppFault.USAGE, "nothing is named that BASE could be compared with").expected("REF --against BASE")
                    .next("stoa verify COPY --against " + against).exception();
        } else {
            for (HubCache.Snapshot one : cache.snapshots()) all.add(verify(console, one.path(), false));
            if (all.isEmpty()) console.say("no models in %s", cache.root());
            ok = all.stream().allMatch(Verified::ok);
        }
        console.result(ok, result);
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

    private boolean copies(Console console, Path pack, Path base, Map<String, Object> result) throws IOException {
        CopyCheck.Result check = CopyCheck.of(pack, base, !dryRun);
        for (String note : check.notes()) console.say("%s", note);
        for (String problem : check.problems()) console.line("%s%s", console.verdict("fail"), problem);
        if (check.copy()) {
            console.line("%sa copy of %s: %d of %d tensors exact%s", console.verdict("ok"), base, check.exact(), check.tensors(),
                    check.worst() == null ? "" : ", largest relative error %.1e in %s".formatted(check.error(), check.worst()));
            if (check.recorded() != null) console.say("origin recorded in %s", check.recorded());
        }
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("base", base.toString());
        data.put("copy", check.copy());
        data.put("tensors", check.tensors());
        data.put("exact", check.exact());
        data.put("max_relative_error", check.error());
        data.put("worst", check.worst());
        data.put("problems", check.problems());
        data.put("notes", check.notes());
        data.put("recorded", check.recorded() == null ? null : check.recorded().toString());
        result.put("against", data);
        return check.copy();
    }

    private boolean fits(Console console, Path pack, Path base, Map<String, Object> result) throws IOException {
        AdapterFit.Result fit = AdapterFit.of(pack, base, adapter.read());
        boolean ok = fit.match() != AdapterFit.Match.OTHER;
        console.line("%s%s: %d modules and %d replaced tensors fit %s", console.verdict("ok"), pack, fit.modules(), fit.replaced(), base);
        switch (fit.match()) {
            case EXACT -> console.line("%strained on this very model", console.verdict("ok"));
            case ORIGIN -> console.line("%strained on what this model is a copy of", console.verdict("ok"));
            case UNNAMED -> console.line("%sthe adapter names no base: only its shapes were compared", console.verdict("warn"));
            case OTHER -> console.line("%strained on another base: got %s, expected %s", console.verdict("fail"), fit.required(), fit.base());
        }
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("base", base.toString());
        data.put("adapter_hash", fit.hash());
        data.put("modules", fit.modules());
        data.put("replaced", fit.replaced());
        data.put("required_base_hash", fit.required());
        data.put("base_hash", fit.base());
        data.put("base_match", fit.match().name().toLowerCase(Locale.ROOT));
        result.put("against", data);
        return ok;
    }
}
