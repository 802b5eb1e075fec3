// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.data.JsonLines;
import dev.stoa.data.Row;
import dev.stoa.format.Sha256;
import dev.stoa.gate.AnswerScorer;
import dev.stoa.gate.GateReport;
import dev.stoa.gate.Uplift;
import dev.stoa.generate.Compose;
import dev.stoa.generate.Context;
import dev.stoa.generate.GenerateRequest;
import dev.stoa.generate.Generator.Generation;
import dev.stoa.serve.BaseModel;
import dev.stoa.template.Message;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/// Held-out questions of an expert's own domain with their right answers: rows as for training, the last answer of each is
/// asked for. Base and expert answer all of them greedily.
record ProbeSet(Path file, String sha256, List<Item> items) {
    private static final int SHOWN = 20;
    private static final int BATCH = 64;
    /// Room for an answer longer than the longest reference.
    private static final int SLACK_TOKENS = 16;

    record Item(List<Message> question, String answer) {}

    /// The paired outcome, and how long an answer could get.
    record Measured(Uplift uplift, int maxTokens) {}

    ProbeSet {
        items = List.copyOf(items);
    }

    static ProbeSet read(Path file) throws IOException {
        List<Item> items = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        Set<List<Message>> seen = new HashSet<>();
        try (JsonLines lines = new JsonLines(file)) {
            for (byte[] line = lines.next(); line != null && problems.size() < SHOWN; line = lines.next()) {
                try {
                    Item item = item(Row.of(lines.parse(line), lines.where()), lines.where());
                    if (!seen.add(item.question())) throw invalid("the question is there twice: it would count as two", lines.where());
                    items.add(item);
                } catch (FaultException problem) {
                    problems.add(problem.fault().oneLine());
                }
            }
        }
        if (!problems.isEmpty() || items.isEmpty()) {
            throw Fault.of(ExpertsFault.GATE_INPUT_UNREADABLE, problems.isEmpty() ? "the file has no probe" : "probes cannot be used").where(file)
                    .issues(problems).next("correct the file").exception();
        }
        return new ProbeSet(file, HexFormat.of().formatHex(Sha256.digest(file)), items);
    }

    private static Item item(Row row, String where) {
        return switch (row) {
            case Row.Completion completion -> new Item(List.of(new Message("user", completion.prompt())), completion.completion());
            case Row.Chat chat -> {
                List<Message> messages = chat.turns().stream().map(Row.Turn::message).toList();
                if (messages.size() < 2 || !messages.getLast().role().equals("assistant")) throw invalid("the row does not end with a question and its answer", where);
                yield new Item(messages.subList(0, messages.size() - 1), messages.getLast().content());
            }
        };
    }

    private static FaultException invalid(String what, String where) {
        return Fault.of(ExpertsFault.GATE_INPUT_UNREADABLE, "%s", what).where(where).exception();
    }

    Measured measure(String domain, BaseModel model, AdapterSet expert, AnswerScorer scorer, Console console) {
        int longest = items.stream().mapToInt(item -> model.engine().tokenizer().encode(item.answer(), false).length).max().orElseThrow();
        int maxTokens = longest + SLACK_TOKENS;
        try (Progress progress = console.progress("probes", 2L * items.size(), "")) {
            double[] before = scores(model, AdapterSet.BASE, scorer, maxTokens, progress, 0);
            double[] after = scores(model, expert, scorer, maxTokens, progress, items.size());
            return new Measured(Uplift.measure(domain, before, after), maxTokens);
        }
    }

    private double[] scores(BaseModel model, AdapterSet experts, AnswerScorer scorer, int maxTokens, Progress progress, int done) {
        double[] scores = new double[items.size()];
        for (int from = 0; from < scores.length; from += BATCH) {
            List<Item> batch = items.subList(from, Math.min(scores.length, from + BATCH));
            List<GenerateRequest> requests = new ArrayList<>();
            for (Item item : batch) requests.add(GenerateRequest.greedy(model.prompts().encode(item.question()), maxTokens, experts, Compose.SUM));
            List<Generation> answers = model.engine().generateAll(requests, Context.NONE);
            for (int i = 0; i < batch.size(); i++) scores[from + i] = scorer.score(batch.get(i).answer(), answers.get(i).text());
            progress.update(done + from + batch.size(), experts.equals(AdapterSet.BASE) ? "base" : "expert");
        }
        return scores;
    }

    /// The report of a measurement, with what it was measured on.
    GateReport report(Measured measured, String codeVersion, String command, String baseHash, GateReport.Subject subject) {
        return GateReport.of(measured.uplift(), codeVersion, command, baseHash, subject)
                .withProbes(List.of(new GateReport.Probes(measured.uplift().domain(), file.toString(), sha256, items.size())),
                        new GateReport.Decoding(0, measured.maxTokens(), 0));
    }

    static void show(Uplift uplift, Console console) {
        String word = switch (uplift.outcome()) {
            case EXPERT -> "ok";
            case HARMFUL -> "fail";
            case NO_MEASURED_GAIN, HELD -> "warn";
        };
        console.line("uplift      %s  %+.3f [%+.3f, %+.3f] n=%d  base %.3f, expert %.3f: %s", console.verdict(word), uplift.gain(), uplift.low(),
                uplift.high(), uplift.n(), uplift.base(), uplift.expert(), uplift.outcome().id());
    }
}
