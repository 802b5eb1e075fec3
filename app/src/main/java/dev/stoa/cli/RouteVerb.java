// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.route.LabelScore;
import dev.stoa.route.MetaRouter;
import dev.stoa.route.RouteDecision;
import dev.stoa.route.RouteOptions;
import dev.stoa.route.RouteRequest;
import dev.stoa.route.RouterFiles;
import dev.stoa.serve.chat.TraceWire;
import dev.stoa.template.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `stoa route TEXT`: which experts a question would get.
@Command(name = "route", sortOptions = false, description = "Show which experts a question would get.",
        footer = {"", "Examples:", "  stoa route --router router \"PWM on TIM3\"", "  stoa route --router router \"PWM on TIM3\" --explain"})
final class RouteVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(paramLabel = "TEXT", arity = "1..*", description = "The question.")
    private List<String> words;

    @Option(names = "--router", required = true, paramLabel = "DIR", description = "A fitted router.")
    private Path directory;

    @Option(names = "--explain", description = "Show every label with its threshold.")
    private boolean explain;

    @Option(names = "--threshold", paramLabel = "P", description = "One threshold for all labels.")
    private Double threshold;

    @Option(names = "--top-k", paramLabel = "K", description = "At most this many experts (1 to 4).")
    private Integer topK;

    RouteVerb(Session session) {
        this.session = session;
    }

    /// A router on disk with hashed features; other features need the base model that made them.
    static MetaRouter open(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw Fault.of(EngineFault.MISSING_FILE, "there is no router").where(directory).exception();
        }
        return new MetaRouter(RouterFiles.load(directory, (id, at) -> null));
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("route");
        String text = String.join(" ", words);
        if (text.isBlank()) throw Fault.of(AppFault.EMPTY_QUERY, "there is nothing to route").expected("a question").exception();
        RouteOptions options = RouteOptions.DEFAULT.withExplain(true);
        if (threshold != null) options = options.withThreshold(threshold);
        if (topK != null) options = options.withTopK(topK);
        RouteDecision decision = open(directory).route(new RouteRequest("local", null, List.of(new Message("user", text)), options));
        String sentence = decision.trace() == null ? null : decision.trace().sentence();
        console.line("%s", sentence == null ? (decision.fallback() ? "base: " + decision.reason().id() : "routed") : sentence);
        if (explain) {
            List<List<String>> rows = new ArrayList<>();
            List<LabelScore> labels = decision.trace() == null ? decision.domains() : decision.trace().labels();
            for (LabelScore label : labels) {
                rows.add(List.of(label.label(), "%.2f".formatted(label.p()), "%.2f".formatted(label.threshold()), label.kept() ? "yes" : "no",
                        label.droppedBy() == null ? "" : label.droppedBy().toLowerCase(Locale.ROOT)));
            }
            console.table(List.of("label", "p", "threshold", "kept", ""), rows);
        }
        console.result(TraceWire.decision(decision, explain));
        return ExitCode.DONE.number;
    }
}
