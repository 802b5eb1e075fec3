// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.route.LabelScore;
import dev.stoa.route.MetaRouter;
import dev.stoa.route.RouteDecision;
import dev.stoa.route.RouteOptions;
import dev.stoa.route.RouteRequest;
import dev.stoa.route.RouterFiles;
import dev.stoa.route.RouterState;
import dev.stoa.route.feature.FeatureSource;
import dev.stoa.route.fit.FitReport;
import dev.stoa.route.fit.RouteContexts;
import dev.stoa.route.fit.RouteRow;
import dev.stoa.route.fit.RouteScores;
import dev.stoa.route.fit.RouterFit;
import dev.stoa.route.head.Certificate;
import dev.stoa.serve.BaseFeatures;
import dev.stoa.serve.BaseModel;
import dev.stoa.serve.chat.TraceWire;
import dev.stoa.template.Message;
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

/// `stoa route TEXT`: which experts a question would get; `stoa route --fit`: a router from labeled texts.
@Command(name = "route", sortOptions = false, description = "Show which experts a question would get, or fit the router that decides.",
        footer = {
            "", "Examples:", "  stoa route --router router \"PWM on TIM3\" --explain", "  stoa route --fit texts.jsonl --out router",
            "  stoa route --fit texts.jsonl --base base --out router",
            "  stoa route --router router --base base \"PWM on TIM3\"", "",
            "Rows to fit on: {\"text\": \"…\", \"labels\": [\"sql\"]}, or messages instead of text; no labels: the base should answer.",
            "A label is an expert's name. Optional: \"split\" (train, calibration, certificate, test) and \"source\" (kept in one split)."
        })
final class RouteVerb implements Callable<Integer> {
    private final Session session;

    @Parameters(paramLabel = "TEXT", arity = "0..*", description = "The question.")
    private List<String> words = List.of();

    @Option(names = "--router", paramLabel = "DIR", description = "A fitted router.")
    private Path directory;

    @Option(names = "--fit", paramLabel = "FILE", description = "Fit a router on labeled texts, JSON Lines.")
    private Path data;

    @Option(names = "--out", paramLabel = "DIR", description = "Where the fitted router goes; one that is there gets a new version.")
    private Path out;

    @Option(names = "--base", paramLabel = "DIR", description = "A base model: its hidden states are the features, hashed ones beside them.")
    private Path base;

    @Option(names = "--seed", defaultValue = "42", paramLabel = "N", description = "Of fit: same rows and seed, same router (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--explain", description = "Show every label with its threshold.")
    private boolean explain;

    @Option(names = "--threshold", paramLabel = "P", description = "One threshold for all labels.")
    private Double threshold;

    @Option(names = "--top-k", paramLabel = "K", description = "At most this many experts (1 to 4).")
    private Integer topK;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    RouteVerb(Session session) {
        this.session = session;
    }

    /// A router on disk; features other than hashed ones come from `sources`.
    static RouterState load(Path directory, RouterFiles.Sources sources) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw Fault.of(EngineFault.MISSING_FILE, "there is no router").where(directory).next("stoa route --fit FILE --out DIR").exception();
        }
        return RouterFiles.load(directory, sources);
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("route");
        List<String> misuse = new ArrayList<>();
        if (data != null && out == null) misuse.add("--fit needs --out DIR");
        if (data == null && out != null) misuse.add("--out needs --fit FILE");
        if (data == null && directory == null) misuse.add("--router DIR is missing");
        if (data != null && (directory != null || !words.isEmpty())) misuse.add("--fit takes neither a question nor --router");
        if (!misuse.isEmpty()) throw Fault.of(AppFault.USAGE, "the options do not fit together").issues(misuse).next("stoa route --help").exception();
        try (BaseModel loaded = base == null ? null : model.open(base, null, console)) {
            return data != null ? fit(loaded, console) : route(loaded, console);
        }
    }

    private int fit(BaseModel loaded, Console console) throws IOException {
        RouteData read = RouteData.read(data, seed);
        console.say("data   %d rows, %d labels, %d for the base alone", read.rows().size(), read.labels().size(),
                read.rows().stream().filter(row -> row.labels().isEmpty()).count());
        RouterFit.Options options = new RouterFit.Options(false, RouterFit.Options.DEFAULT.alpha(), RouterFit.Options.DEFAULT.delta(), seed);
        List<RouteRow> rows = read.rows();
        FeatureSource prefill = null;
        if (loaded != null) {
            rows = RouteContexts.spread(rows, takesSystemMessages(loaded), seed);
            prefill = new BaseFeatures(loaded).fit(rows);
            console.say("prefill features of %s, %d dimensions", prefill.hash(), prefill.dim());
        }
        RouterFit.Fitted fitted = RouterFit.fit(read.labels(), rows, prefill, options);
        RouterState saved = RouterFiles.save(out, fitted.state());
        for (FitReport report : fitted.reports()) report(report, console);
        console.say("next   stoa route --router %s%s \"…\" --explain", out, base == null ? "" : " --base " + base);
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("router", out.toString());
        facts.put("version", saved.version());
        facts.put("labels", read.labels());
        facts.put("rows", read.rows().size());
        facts.put("reports", fitted.reports());
        console.result(facts);
        return ExitCode.DONE.number;
    }

    private static boolean takesSystemMessages(BaseModel loaded) {
        try {
            loaded.prompts().encode(List.of(new Message("system", "a"), new Message("user", "b")));
            return true;
        } catch (FaultException refused) {
            return false;
        }
    }

    private static void report(FitReport report, Console console) {
        RouteScores test = report.test();
        Certificate certificate = report.certificate();
        String features = report.features().substring(0, report.features().indexOf(':')); // what follows is their hash
        console.line("%-8s top-1 %.3f, top-3 %.3f, F1 %.3f (n=%d); experts for texts of none %.3f (n=%d); ECE %.3f (uncalibrated %.3f), Brier %.3f",
                features, test.top1(), test.top3(), test.f1(), test.n(), test.falseRoutes(), test.outside(), report.ece(),
                report.eceUncalibrated(), report.brier());
        console.say("%-8s heads %s, abstain AUROC %.3f", features, String.join(" + ", report.heads()), report.abstainAuroc());
        if (!certificate.certified()) {
            console.warn("%s: not certified that at most %.0f %% go to an expert wrongly: about %d more rows are missing", features,
                    100 * certificate.alpha(), certificate.missingRows());
        }
    }

    /// Without a base only a router with hashed features opens.
    private RouterFiles.Sources sources(BaseModel loaded) {
        if (loaded != null) return new BaseFeatures(loaded);
        return (id, at) -> {
            throw Fault.of(ExpertsFault.ROUTER_FEATURE_MISMATCH, "the router reads %s features, which need the base model", id).where(at)
                    .got("no base").next("add --base DIR").exception();
        };
    }

    private int route(BaseModel loaded, Console console) throws IOException {
        String text = String.join(" ", words);
        if (text.isBlank()) throw Fault.of(AppFault.EMPTY_QUERY, "there is nothing to route").expected("a question").exception();
        RouteOptions options = RouteOptions.DEFAULT.withExplain(true);
        if (threshold != null) options = options.withThreshold(threshold);
        if (topK != null) options = options.withTopK(topK);
        RouterState state = load(directory, sources(loaded));
        // a freshly fitted router has no experts yet: then every label counts as one
        if (state.roster().isEmpty()) state = state.withRoster(RouterFit.everyLabel(state.labels()));
        RouteDecision decision = new MetaRouter(state).route(new RouteRequest("local", null, List.of(new Message("user", text)), options));
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
