// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.model.pack.PackInspector;
import dev.stoa.model.pack.PackIssue;
import dev.stoa.model.pack.PackReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa show REF`: what a model is and what is wrong with it, from the heads of its files.
@Command(name = "show", sortOptions = false, description = "Show what a model is, and everything that keeps it from working.",
        footer = {"", "Only heads of files are read. Exit code 1 when the model cannot be used.", "", "Examples:",
            "  stoa show DIR", "  stoa show model.gguf --json", "  stoa show ORG/NAME"})
final class ShowVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(index = "0", paramLabel = "REF", description = "A directory, a GGUF file, or ORG/NAME[@REVISION] of a pulled model.")
    private String reference;

    @Option(names = "--private-cache", description = "Look in STOA_HOME/models instead of the cache other tools share.")
    private boolean own;

    ShowVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("show");
        Path pack = ModelReference.of(reference).pack(ModelReference.cache(session.terminal, own));
        PackReport report = PackInspector.inspect(pack);
        facts(console, report);
        issues(console, report.issues());
        console.result(report.supported(), report);
        return report.supported() ? ExitCode.DONE.number : ExitCode.NEGATIVE.number;
    }

    private static void facts(Console console, PackReport report) {
        console.line("path        %s", report.path());
        console.line("format      %s, %.1f MB", report.format(), report.bytes() / 1e6);
        if (report.family() != null) {
            console.line("family      %s (model_type %s)", report.family(), report.modelType());
            console.line("parameters  %d", report.params());
            console.line("shape       %d layers, width %d, vocabulary %d, context %d", report.layers(), report.hidden(), report.vocab(), report.context());
        }
        for (Map.Entry<String, String> role : report.quant().entrySet()) console.line("weights     %s: %s", role.getKey(), role.getValue());
        if (report.tokenizerKind() != null) console.line("tokenizer   %s, %d tokens", report.tokenizerKind(), report.tokenizerSize());
        if (report.tokenizerHash() != null) console.line("            tokenizer_hash %s", report.tokenizerHash());
        if (report.templateHash() != null) console.line("template    chat_template_hash %s", report.templateHash());
        if (!report.adapters().isEmpty()) console.line("adapters    %s", String.join(", ", report.adapters()));
        if (!report.capabilities().isEmpty()) console.line("can         %s", String.join(", ", report.capabilities()));
    }

    /// One line per problem, the fix below it.
    static void issues(Console console, List<PackIssue> issues) {
        for (PackIssue issue : issues) {
            console.line("%s%s", console.verdict(issue.severity() == PackIssue.Severity.ERROR ? "fail" : "warn"), issue);
            console.line("     next: %s", issue.fix());
        }
    }
}
