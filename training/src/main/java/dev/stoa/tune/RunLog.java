// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// `run.jsonl`: one JSON object per event of a run, appended, with `ts`, `type` and `step`. Rows that a killed run wrote
/// after its last checkpoint are followed by a `resume` row and appear again.
final class RunLog implements AutoCloseable {
    private static final int STEP_EVERY = 10;
    private final BufferedWriter out;

    RunLog(Path file) throws IOException {
        out = Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    void plan(TrainPlan plan) throws IOException {
        write("plan", 0, json(plan));
    }

    static ObjectNode json(TrainPlan plan) {
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        row.put("kind", plan.kind()).put("trained_parameters", plan.trainedParameters());
        row.put("total_parameters", plan.totalParameters()).put("steps", plan.steps()).put("warmup_steps", plan.warmupSteps());
        row.put("epochs", plan.epochs()).put("micro_tokens", plan.microTokens()).put("memory_bytes", plan.memoryBytes());
        return row.put("memory_limit", plan.memoryLimit()).put("kernels", plan.kernels());
    }

    /// Every tenth step, and the first and the last.
    void step(TrainListener.Step step) throws IOException {
        if (step.step() % STEP_EVERY != 0 && step.step() != 1 && step.step() != step.steps()) return;
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        row.put("epoch", step.epoch()).put("loss", step.loss()).put("lr_factor", step.rate()).put("grad_norm", step.norm());
        row.put("clipped", step.clipped()).put("tokens", step.tokens()).put("trained_tokens", step.trainedTokens());
        write("step", step.step(), row.put("tok_s", step.tokensPerSecond()));
    }

    void eval(int step, List<EvalSet.Score> scores, double value, boolean best) throws IOException {
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        row.put("value", value).put("best", best).set("sets", json(scores));
        write("eval", step, row);
    }

    static ArrayNode json(List<EvalSet.Score> scores) {
        ArrayNode sets = JsonNodeFactory.instance.arrayNode();
        for (EvalSet.Score score : scores) {
            sets.addObject().put("name", score.name()).put("loss", score.loss()).put("exact", score.exact())
                    .put("n", score.samples()).put("trained_tokens", score.trainedTokens());
        }
        return sets;
    }

    void notice(int step, String kind, String text) throws IOException {
        write(kind, step, JsonNodeFactory.instance.objectNode().put("text", text));
    }

    private void write(String type, int step, ObjectNode fields) throws IOException {
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        row.put("ts", Instant.now().toString()).put("type", type).put("step", step);
        row.setAll(fields);
        out.write(row.toString());
        out.write('\n');
        out.flush();
    }

    @Override
    public void close() throws IOException {
        out.close();
    }
}
