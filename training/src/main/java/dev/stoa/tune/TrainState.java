// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import dev.stoa.optim.Schedule;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Everything of a run that is not a tensor. The loop changes it, checkpoints write it at the border of a step.
final class TrainState {
    /// Applied steps of the schedule, and updates of the optimizer's moments.
    int step;
    long updates;
    /// Position in the data.
    long cursor;
    long tokens, trainedTokens;
    /// Best verdict and its step, -1 before the first evaluation; evaluations since without a better one.
    double bestValue;
    int bestStep = -1, badEvals;
    /// Halved by every restore.
    double rateFactor = 1;
    int skipped, skippedInARow, restores;
    double normAverage;
    /// As in [Schedule].
    int landing = -1, landingSteps;
    double seconds;
    /// An evaluation ended the run.
    boolean stopped;

    Schedule schedule(Schedule planned) {
        return new Schedule(planned.shape(), planned.warmup(), planned.steps(), planned.end(), landing, landingSteps);
    }

    ObjectNode toJson() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("step", step).put("updates", updates).put("cursor", cursor).put("tokens", tokens);
        json.put("trained_tokens", trainedTokens).put("best_value", bestValue).put("best_step", bestStep);
        json.put("bad_evals", badEvals).put("rate_factor", rateFactor).put("skipped", skipped);
        json.put("skipped_in_a_row", skippedInARow).put("restores", restores).put("norm_average", normAverage);
        return json.put("landing", landing).put("landing_steps", landingSteps).put("seconds", seconds).put("stopped", stopped);
    }

    static TrainState of(JsonNode json, Object where) {
        TrainState state = new TrainState();
        state.step = number(json, "step", where).intValue();
        state.updates = number(json, "updates", where).longValue();
        state.cursor = number(json, "cursor", where).longValue();
        state.tokens = number(json, "tokens", where).longValue();
        state.trainedTokens = number(json, "trained_tokens", where).longValue();
        state.bestValue = number(json, "best_value", where).doubleValue();
        state.bestStep = number(json, "best_step", where).intValue();
        state.badEvals = number(json, "bad_evals", where).intValue();
        state.rateFactor = number(json, "rate_factor", where).doubleValue();
        state.skipped = number(json, "skipped", where).intValue();
        state.skippedInARow = number(json, "skipped_in_a_row", where).intValue();
        state.restores = number(json, "restores", where).intValue();
        state.normAverage = number(json, "norm_average", where).doubleValue();
        state.landing = number(json, "landing", where).intValue();
        state.landingSteps = number(json, "landing_steps", where).intValue();
        state.seconds = number(json, "seconds", where).doubleValue();
        state.stopped = json.path("stopped").asBoolean(false);
        return state;
    }

    private static JsonNode number(JsonNode json, String name, Object where) {
        JsonNode value = json.get(name);
        if (value != null && value.isNumber()) return value;
        throw Fault.of(TrainingFault.CHECKPOINT_INVALID, "the checkpoint's state has no number %s", name).where(where)
                .next("remove the run directory to start over").exception();
    }
}
