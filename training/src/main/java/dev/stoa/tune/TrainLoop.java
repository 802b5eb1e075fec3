// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.data.Example;
import dev.stoa.data.ExampleSource;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Json;
import dev.stoa.format.Sha256;
import dev.stoa.grad.Parameter;
import dev.stoa.kernel.Updates;
import dev.stoa.optim.Schedule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The loop every training run goes through: accumulate a window of micro-batches, divide the summed gradient by the
/// summed weights, clip, update; evaluate, checkpoint, resume.
///
/// A run resumed from any checkpoint ends with the same bits as one that was never interrupted. A window whose loss or
/// gradient is not finite is dropped and leaves moments and schedule untouched; three in a row restore the last
/// checkpoint at half the rate; after ten drops or three restores the run has diverged. For one thread.
public final class TrainLoop {
    private static final int SKIPS_IN_A_ROW = 3, SKIPS_IN_ALL = 10, RESTORES = 3, EMPTY_LIMIT = 1000;
    private static final double NORM_DECAY = 0.95, NORM_ALARM = 10;
    private final TrainConfig config;
    private final Trainee trainee;
    private final ExampleSource source;
    private final List<EvalSet> evalSets;
    private final Judge judge;
    private final TrainListener listener;
    private final Path runDirectory;
    private final Updates updates;
    private final Checkpoints checkpoints;
    private RunLog log;
    private TrainState state = new TrainState();
    private Schedule schedule;
    private List<EvalSet.Score> bestScores = List.of();
    private double lastLoss;
    private int evaluatedStep = -1, emptyInARow;
    private long clock, saved;

    /// Checkpoints, `run.jsonl` and `report.json` go to `runDirectory`; a run of the same identity found there goes on.
    public TrainLoop(TrainConfig config, Trainee trainee, ExampleSource source, List<EvalSet> evalSets, Judge judge,
            Updates updates, TrainListener listener, Path runDirectory) {
        this.config = config;
        this.trainee = trainee;
        this.source = source;
        this.evalSets = List.copyOf(evalSets);
        this.judge = judge;
        this.updates = updates;
        this.listener = listener;
        this.runDirectory = runDirectory;
        checkpoints = new Checkpoints(runDirectory.resolve("checkpoints"), trainee,
                Sha256.hex(config + "\n" + trainee.identity() + "\n" + source.identity()));
        schedule = config.schedule();
    }

    /// Runs to the end, or to the next safe point after a stop was requested, and writes the result to `output` when it
    /// ended well.
    public TrainResult run(TrainPlan plan, Path output) throws IOException {
        AtomicFiles.requireFree(output);
        Files.createDirectories(runDirectory.resolve("checkpoints"));
        try (RunLog opened = new RunLog(runDirectory.resolve("run.jsonl"))) {
            log = opened;
            listener.onPlan(plan);
            log.plan(plan);
            AtomicFiles.write(runDirectory.resolve("plan.json"), Json.pretty(RunLog.json(plan)));
            clock = saved = System.nanoTime();
            resume();
            TrainResult.Status status = steps();
            if (status == TrainResult.Status.INTERRUPTED || status == TrainResult.Status.DIVERGED) return result(status, null);
            if (state.bestStep >= 0 && state.bestStep != state.step) checkpoints.load(state.bestStep, false);
            if (bestScores.isEmpty()) bestScores = measure(); // the evaluation was made before the run was resumed
            trainee.output().write(output);
            TrainResult result = result(status, output);
            AtomicFiles.write(runDirectory.resolve("report.json"), Json.pretty(report(result, plan)));
            return result;
        }
    }

    private void resume() throws IOException {
        TrainState found = checkpoints.latest();
        if (found == null) {
            save();
            return;
        }
        checkpoints.load(found.step, true);
        state = found;
        schedule = state.schedule(config.schedule());
        notice("resume", "continuing after step " + state.step);
    }

    private TrainResult.Status steps() throws IOException {
        while (state.step < schedule.length() && !state.stopped) {
            if (listener.stopRequested()) {
                save();
                notice("stop", "stopped at step " + state.step + " as requested; the same command continues");
                return TrainResult.Status.INTERRUPTED;
            }
            if (!step()) {
                if (diverged()) return TrainResult.Status.DIVERGED;
                continue;
            }
            boolean due = config.evalEvery() > 0 && state.step % config.evalEvery() == 0;
            if (!evalSets.isEmpty() && due) evaluate();
            boolean saveDue = config.saveEvery() > 0 && state.step % config.saveEvery() == 0;
            if (saveDue || System.nanoTime() - saved > config.saveSeconds() * 1_000_000_000L) save();
        }
        if (!evalSets.isEmpty() && evaluatedStep != state.step) evaluate();
        save();
        return state.stopped ? TrainResult.Status.STOPPED_EARLY : TrainResult.Status.FINISHED;
    }

    /// One window of data; false when it was dropped.
    private boolean step() throws IOException {
        long start = System.nanoTime();
        List<Example> samples = config.stepSize().window(source, state.cursor);
        for (Parameter parameter : trainee.parameters()) parameter.gradient().data().fill((byte) 0);
        check(samples);
        Replicas.Sum sum = trainee.replicas().accumulate(samples, config.microTokens());
        double loss = sum.loss(), weight = sum.weight();
        long cursor = state.cursor + samples.size();
        if (weight == 0) return pass(cursor);
        emptyInARow = 0;
        double norm = 0;
        for (Parameter parameter : trainee.parameters()) norm += updates.sumSquares(parameter.gradient());
        norm = Math.sqrt(norm) / weight;
        if (!Double.isFinite(loss) || !Double.isFinite(norm)) return drop(cursor, "loss " + loss / weight + ", " + culprit());
        boolean clipped = config.clip() > 0 && norm > config.clip();
        double factor = schedule.factor(state.step) * state.rateFactor;
        trainee.optimizer().step(state.updates + 1, factor, (clipped ? config.clip() / norm : 1) / weight);
        if (state.normAverage > 0 && norm > NORM_ALARM * state.normAverage) {
            notice("warn", "gradient norm %.3g is more than %.0f times its average %.3g".formatted(norm, NORM_ALARM, state.normAverage));
        }
        double average = state.normAverage == 0 ? norm : NORM_DECAY * state.normAverage + (1 - NORM_DECAY) * norm;
        lastLoss = loss / weight;
        state.step++;
        state.updates++;
        state.cursor = cursor;
        state.tokens += sum.tokens();
        state.trainedTokens += sum.trained();
        state.skippedInARow = 0;
        state.normAverage = average;
        double epoch = source.epochSize() == ExampleSource.ENDLESS ? 0 : (double) cursor / source.epochSize();
        TrainListener.Step done = new TrainListener.Step(state.step, schedule.length(), epoch, lastLoss, factor, norm, clipped,
                state.tokens, state.trainedTokens, sum.tokens() * 1e9 / (System.nanoTime() - start));
        log.step(done);
        listener.onStep(done);
        return true;
    }

    private void check(List<Example> samples) {
        int vocab = trainee.network().spec().vocab();
        for (Example sample : samples) {
            for (int id : sample.ids()) {
                if (id < vocab) continue;
                throw Fault.of(TrainingFault.TRAIN_CONFIG_INVALID, "a sample holds a token that the model does not know").got("id " + id)
                        .expected("ids below " + vocab).next("tokenize with the model's own tokenizer").exception();
            }
            if (sample.length() > config.microTokens()) {
                throw Fault.of(TrainingFault.TRAIN_CONFIG_INVALID, "a sample is longer than a micro-batch")
                        .got(sample.length() + " tokens").expected("at most " + config.microTokens())
                        .next("truncate the data, or raise microTokens").exception();
            }
        }
    }

    /// A window without any weight is no step and no failure, unless nothing else comes.
    private boolean pass(long cursor) {
        state.cursor = cursor;
        Fault.require(++emptyInARow < EMPTY_LIMIT, TrainingFault.EMPTY_MASK,
                "%d windows in a row have no token with a weight, up to sample %d", emptyInARow, cursor);
        return false;
    }

    private boolean drop(long cursor, String why) throws IOException {
        state.cursor = cursor;
        state.skipped++;
        state.skippedInARow++;
        notice("skip", "dropped the window after step " + state.step + ": " + why);
        return false;
    }

    private String culprit() {
        for (Parameter parameter : trainee.parameters()) {
            if (!Double.isFinite(updates.sumSquares(parameter.gradient()))) return "first non-finite gradient " + parameter.name();
        }
        return "gradients finite";
    }

    /// After a dropped window: restores where three in a row were dropped; true when the run is given up.
    private boolean diverged() throws IOException {
        boolean restore = state.skippedInARow >= SKIPS_IN_A_ROW;
        if (state.skipped >= SKIPS_IN_ALL || restore && state.restores >= RESTORES) {
            ObjectNode json = JsonNodeFactory.instance.objectNode().put("step", state.step).put("cursor", state.cursor);
            json.put("skipped", state.skipped).put("restores", state.restores).put("tensor", culprit());
            AtomicFiles.write(runDirectory.resolve("diverged.json"), Json.pretty(json));
            notice("stop", "diverged: " + culprit() + "; the last good checkpoint is kept");
            return true;
        }
        if (!restore) return false;
        TrainState good = checkpoints.latest();
        checkpoints.load(good.step, true);
        schedule = good.schedule(config.schedule());
        good.cursor = state.cursor;
        good.tokens = state.tokens;
        good.trainedTokens = state.trainedTokens;
        good.seconds = state.seconds;
        good.skipped = state.skipped;
        good.skippedInARow = 0;
        good.restores = state.restores + 1;
        good.rateFactor = state.rateFactor / 2;
        state = good;
        notice("restore", "restored step " + good.step + ", rate factor " + state.rateFactor);
        return false;
    }

    /// Measures all sets and asks the judge whether the run goes on.
    private void evaluate() throws IOException {
        List<EvalSet.Score> scores = measure();
        Judge.Verdict verdict = judge.judge(state.step, scores);
        boolean best = state.bestStep < 0 || verdict.value() < state.bestValue - config.minDelta();
        if (verdict.next() == Judge.Next.LAND) schedule = schedule.land(state.step, verdict.landingSteps());
        state.landing = schedule.landing();
        state.landingSteps = schedule.landingSteps();
        state.badEvals = best ? 0 : state.badEvals + 1;
        if (best) {
            state.bestValue = verdict.value();
            state.bestStep = state.step;
            bestScores = scores;
        }
        state.stopped = verdict.next() == Judge.Next.STOP || config.patience() > 0 && state.badEvals >= config.patience();
        evaluatedStep = state.step;
        log.eval(state.step, scores, verdict.value(), best);
        listener.onEval(state.step, scores, best);
        if (best) save();
    }

    private List<EvalSet.Score> measure() {
        List<EvalSet.Score> scores = new ArrayList<>();
        for (EvalSet set : evalSets) scores.add(Evaluation.score(trainee.network(), set, config.microTokens()));
        return scores;
    }

    private void save() throws IOException {
        long now = System.nanoTime();
        state.seconds += (now - clock) * 1e-9;
        clock = now;
        checkpoints.save(state);
        saved = System.nanoTime();
    }

    private void notice(String kind, String text) throws IOException {
        log.notice(state.step, kind, text);
        listener.onNotice(state.step, kind, text);
    }

    private TrainResult result(TrainResult.Status status, Path output) {
        double seconds = state.seconds + (System.nanoTime() - clock) * 1e-9;
        return new TrainResult(status, state.step, state.bestStep >= 0 ? state.bestStep : state.step, lastLoss, bestScores,
                state.tokens, state.trainedTokens, seconds, state.tokens / seconds, state.skipped, output);
    }

    private static ObjectNode report(TrainResult result, TrainPlan plan) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("status", result.status().name().toLowerCase(Locale.ROOT)).put("steps", result.steps());
        json.put("chosen_step", result.chosenStep()).put("last_loss", result.loss()).put("tokens", result.tokens());
        json.put("trained_tokens", result.trainedTokens()).put("seconds", result.seconds());
        json.put("tok_s", result.tokensPerSecond()).put("skipped_windows", result.skippedWindows());
        json.put("kind", plan.kind()).put("trained_parameters", plan.trainedParameters()).put("kernels", plan.kernels());
        json.set("scores", RunLog.json(result.scores()));
        return json;
    }
}
