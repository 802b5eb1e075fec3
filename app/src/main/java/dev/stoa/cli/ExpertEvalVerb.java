// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.data.ChatData;
import dev.stoa.data.Example;
import dev.stoa.data.TrainingData;
import dev.stoa.generate.Engine;
import dev.stoa.generate.Generator;
import dev.stoa.serve.BaseModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `stoa expert eval`: the loss of base and expert on the same rows, in nat per learned token.
@Command(name = "eval", sortOptions = false, description = "Compare base and expert on rows neither has learned.",
        footer = {"", "Examples:", "  stoa expert eval --base base --expert adapters/mine --data held-out.jsonl"})
final class ExpertEvalVerb implements Callable<Integer> {
    private final Session session;

    @Option(names = "--base", required = true, paramLabel = "MODEL", description = "The base: a model directory or a GGUF file.")
    private Path base;

    @Option(names = "--expert", required = true, paramLabel = "DIR", description = "The adapter's directory.")
    private Path expert;

    @Option(names = "--data", required = true, paramLabel = "FILE", description = "Rows as for training, JSON Lines.")
    private Path data;

    @Mixin
    private final ModelOptions model = new ModelOptions();

    ExpertEvalVerb(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException {
        Console console = session.console("expert eval");
        try (BaseModel loaded = model.open(base, null, console)) {
            Engine engine = loaded.engine();
            AdapterSet adapted = AdapterSet.of(engine.adapters().load("expert", expert));
            Object eos = engine.text().variables().get("eos_token");
            ChatData.Options options = new ChatData.Options(
                    loaded.facts().contextTokens(), null, eos == null ? -1 : engine.tokenizer().id(eos.toString()), engine.template() != null);
            TrainingData rows = ChatData.read(data, engine.tokenizer(), engine.template(), engine.text().variables(), options);
            double[] without = losses(engine, rows.samples(), AdapterSet.BASE);
            double[] with = losses(engine, rows.samples(), adapted);
            int better = 0;
            for (int i = 0; i < with.length; i++) if (with[i] < without[i]) better++;
            double before = Arrays.stream(without).average().orElse(Double.NaN);
            double after = Arrays.stream(with).average().orElse(Double.NaN);
            console.line("base    %.4f nat/token", before);
            console.line("expert  %.4f nat/token  (%+.4f), better on %d of %d rows", after, after - before, better, with.length);
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("n", with.length);
            facts.put("base_loss", before);
            facts.put("expert_loss", after);
            facts.put("better_rows", better);
            console.result(facts);
            return ExitCode.DONE.number;
        }
    }

    /// Mean loss per row over its learned tokens.
    private static double[] losses(Engine engine, List<Example> samples, AdapterSet experts) {
        List<Generator.Scoring> items = new ArrayList<>();
        for (Example sample : samples) {
            int[] ids = sample.ids();
            items.add(new Generator.Scoring(Arrays.copyOf(ids, 1), Arrays.copyOfRange(ids, 1, ids.length), experts));
        }
        List<double[]> scores = engine.scoreAll(items);
        double[] losses = new double[samples.size()];
        for (int row = 0; row < losses.length; row++) {
            double sum = 0;
            double weight = 0;
            for (int i = 1; i < samples.get(row).length(); i++) {
                sum -= samples.get(row).weights()[i] * scores.get(row)[i - 1];
                weight += samples.get(row).weights()[i];
            }
            losses[row] = sum / Math.max(1e-9, weight);
        }
        return losses;
    }
}
