// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.EngineFault;
import dev.stoa.quant.MixedPlanner;
import dev.stoa.quant.QuantSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// `quant_plan.json`: the format of every module of a mixed-precision model, and what the plan was worth. A module whose
/// spec is null stays in its float type (bits 16).
public record QuantPlan(Map<String, QuantSpec> modules) {
    private static final long LIMIT = 64L << 20;

    public static QuantPlan read(Path file) throws IOException {
        JsonFields root = new JsonFields(Json.readObject(file, LIMIT, EngineFault.CONFIG_INVALID), file + ":", EngineFault.CONFIG_INVALID);
        Map<String, QuantSpec> modules = new TreeMap<>();
        for (JsonFields item : root.objects("perModule")) {
            int bits = item.integer("bits");
            modules.put(item.text("name"), bits >= 16 ? null : new QuantSpec(item.text("mode", "affine"), bits, item.integer("group", 64)));
        }
        return new QuantPlan(modules);
    }

    /// The file of a plan: `target` and achieved bits per weight, modules with bits, group, predicted KL and bytes, and the
    /// measured KL of this model and of the uniform one of equal size (NaN where it was not measured).
    public static void write(Path file, MixedPlanner.Plan plan, double target, long weights, double klMeasured, double klUniform, String calibrationHash)
            throws IOException {
        write(file, plan, target, weights, klMeasured, klUniform, calibrationHash, Map.of());
    }

    /// As above; `more` are further numbers about the plan, and those that are NaN are left out.
    public static void write(Path file, MixedPlanner.Plan plan, double target, long weights, double klMeasured, double klUniform, String calibrationHash,
            Map<String, Double> more) throws IOException {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("target", target).put("achieved", 8.0 * plan.bytes() / weights);
        ArrayNode modules = root.putArray("perModule");
        plan.modules().forEach((name, candidate) -> {
            ObjectNode item = modules.addObject().put("name", name).put("bits", candidate.bits());
            if (candidate.spec() != null) item.put("group", candidate.spec().group()).put("mode", candidate.spec().mode());
            item.put("kl", candidate.kl()).put("bytes", candidate.bytes());
        });
        if (!Double.isNaN(klMeasured)) root.put("klMeasured", klMeasured);
        if (!Double.isNaN(klUniform)) root.put("klUniformSameSize", klUniform);
        root.put("klPredicted", plan.predictedKl());
        new TreeMap<>(more).forEach((key, value) -> {
            if (!value.isNaN()) root.put(key, value);
        });
        root.put("calibrationHash", calibrationHash);
        AtomicFiles.write(file, Json.pretty(root));
    }
}
