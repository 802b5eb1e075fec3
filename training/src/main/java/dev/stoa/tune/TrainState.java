// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import dev.stoa.TrainingFault;
import dev.stoa.Fault;
import dev.stoa.optim.Schedule;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Everything of a run that is not a tensor, at the border of an optimizer step.
///
/// `step` counts applied steps of the schedule, `updates` those of the optimizer's moments, `cursor` is the position in
/// the data. `bestStep` is -1 before the first evaluation. `landing` and `landingSteps` are those of [Schedule].
public record TrainState(
        int step, long updates, long cursor, long tokens, long trainedTokens, double bestValue, int bestStep, int badEvals,
        double rateFactor, int skipped, int skippedInARow, int restores, double normAverage, int landing, int landingSteps,
        double seconds) {
    static final TrainState START = new TrainState(0, 0, 0, 0, 0, 0, -1, 0, 1, 0, 0, 0, 0, -1, 0, 0);

    Schedule schedule(Schedule planned) {
        return new Schedule(planned.shape(), planned.warmup(), planned.steps(), planned.end(), landing, landingSteps);
    }

    ObjectNode toJson() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("step", step).put("updates", updates).put("cursor", cursor).put("tokens", tokens);
        json.put("trained_tokens", trainedTokens).put("best_value", bestValue).put("best_step", bestStep);
        json.put("bad_evals", badEvals).put("rate_factor", rateFactor).put("skipped", skipped);
        json.put("skipped_in_a_row", skippedInARow).put("restores", restores).put("norm_average", normAverage);
        return json.put("landing", landing).put("landing_steps", landingSteps).put("seconds", seconds);
    }

    static TrainState of(JsonNode json, Object where) {
        return new TrainState(integer(json, "step", where), number(json, "updates", where).longValue(),
                number(json, "cursor", where).longValue(), number(json, "tokens", where).longValue(),
                number(json, "trained_tokens", where).longValue(), number(json, "best_value", where).doubleValue(),
                integer(json, "best_step", where), integer(json, "bad_evals", where),
                number(json, "rate_factor", where).doubleValue(), integer(json, "skipped", where),
                integer(json, "skipped_in_a_row", where), integer(json, "restores", where),
                number(json, "norm_average", where).doubleValue(), integer(json, "landing", where),
                integer(json, "landing_steps", where), number(json, "seconds", where).doubleValue());
    }

    private static int integer(JsonNode json, String name, Object where) {
        return number(json, name, where).intValue();
    }

    private static JsonNode number(JsonNode json, String name, Object where) {
        JsonNode value = json.get(name);
        if (value == null || !value.isNumber()) {
            throw Fault.of(TrainingFault.CHECKPOINT_INVALID, "the checkpoint's state has no number %s", name).where(where)
                    .next("remove this checkpoint; the one before is used").exception();
        }
        return value;
    }
}
