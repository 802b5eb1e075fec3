// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/// The envelope of every file a gate writes, format `stoa.gate/1`: what was judged, on what, by which thresholds, with
/// which outcome. `report` is the gate's own part, a [HealthReport], [ForgettingReport], [Uplift], …, as JSON.
public record GateReport(
        String schema, String kind, String runId, String createdAt, String codeVersion, String command, String baseHash,
        @JsonProperty("new") Subject subject, List<Subject> priors, List<Probes> probes, Decoding decoding,
        Map<String, Object> thresholds, Result result, List<String> warnings, Map<String, Double> timingsMs,
        JsonNode report) {
    public static final String SCHEMA = "stoa.gate/1";

    public record Subject(String name, String version, String adapterHash) {}

    public record Probes(String domain, String path, String sha256, int n) {}

    /// How answers were generated; null for gates that read weights only.
    public record Decoding(double temperature, int maxTokens, long seed) {}

    public record Result(String status, int exitCode, List<String> reasons) {
        public static Result of(GateExit exit, List<String> reasons) {
            return new Result(exit.name().toLowerCase(Locale.ROOT), exit.code(), reasons);
        }
    }

    public GateReport {
        if (!SCHEMA.equals(schema) || kind == null || runId == null || result == null) {
            throw new IllegalArgumentException("a gate report needs schema " + SCHEMA + ", kind, run_id and result");
        }
        priors = priors == null ? List.of() : List.copyOf(priors);
        probes = probes == null ? List.of() : List.copyOf(probes);
        warnings = warnings == null ? List.of() : List.copyOf(warnings);
    }

    /// A report of now. Fields that a gate does not have stay empty; add them with the withers.
    public static GateReport of(String kind, String codeVersion, String command, String baseHash, Subject subject,
            Map<String, Object> thresholds, Result result, List<String> warnings, Object report) {
        return new GateReport(SCHEMA, kind, RunId.next(), Instant.now().toString(), codeVersion, command, baseHash,
                subject, List.of(), List.of(), null, thresholds, result, warnings, Map.of(), GateJson.tree(report));
    }

    public static GateReport of(HealthReport health, String codeVersion, String command, String baseHash,
            Subject subject) {
        Map<String, Object> thresholds = Map.of("zero_norm", Health.ZERO_NORM,
                "rel_norm", List.of(Health.REL_NORM_LOW, Health.REL_NORM_HIGH),
                "rel_norm_limit", Health.REL_NORM_LIMIT, "effective_rank_share", Health.EFFECTIVE_RANK_SHARE,
                "stable_rank", Health.STABLE_RANK_LOW, "zero_slice_share", Health.ZERO_SLICE_SHARE);
        Result result = Result.of(health.healthy() ? GateExit.PASS : GateExit.HEALTH, health.failures());
        return of("health", codeVersion, command, baseHash, subject, thresholds, result, health.warnings(), health);
    }

    public static GateReport of(ForgettingReport angles, String codeVersion, String command, String baseHash,
            Subject subject, Subject prior) {
        boolean failed = angles.gateStatus().equals("fail");
        Result result = Result.of(failed ? GateExit.FORGETTING : GateExit.PASS,
                failed ? List.of("low angle and a drop of the win-rate") : List.of());
        List<String> warnings = angles.warning() == null ? List.of() : List.of(angles.warning());
        Map<String, Object> thresholds = Map.of("angle_degrees", Forgetting.ANGLE_LOW, "drop", Forgetting.DROP,
                "min_probes", Forgetting.MIN_PROBES);
        return of("forgetting", codeVersion, command, baseHash, subject, thresholds, result, warnings, angles)
                .withPriors(List.of(prior));
    }

    public static GateReport of(Uplift uplift, String codeVersion, String command, String baseHash, Subject subject) {
        GateExit exit = switch (uplift.outcome()) {
            case EXPERT -> GateExit.PASS;
            case HELD -> GateExit.INSUFFICIENT;
            case HARMFUL, NO_MEASURED_GAIN -> GateExit.REFUSED;
        };
        List<String> reasons = exit == GateExit.PASS ? List.of() : List.of(uplift.outcome().id());
        return of("uplift", codeVersion, command, baseHash, subject,
                Map.of("min_gain", Uplift.MIN_GAIN, "min_items", Uplift.MIN_ITEMS), Result.of(exit, reasons),
                List.of(), uplift);
    }

    public GateReport withProbes(List<Probes> used, Decoding how) {
        return new GateReport(schema, kind, runId, createdAt, codeVersion, command, baseHash, subject, priors, used,
                how, thresholds, result, warnings, timingsMs, report);
    }

    public GateReport withPriors(List<Subject> compared) {
        return new GateReport(schema, kind, runId, createdAt, codeVersion, command, baseHash, subject, compared, probes,
                decoding, thresholds, result, warnings, timingsMs, report);
    }

    public byte[] toJson() {
        return GateJson.pretty(this);
    }

    /// Replaces `file` atomically: a crash leaves the old report or the new one.
    public void write(Path file, Disk disk) throws IOException {
        disk.replace(file, toJson());
    }

    public static GateReport parse(byte[] json, Object where) {
        try {
            return GateJson.MAPPER.readValue(json, GateReport.class);
        } catch (JacksonException wrong) {
            throw Fault.of(ExpertsFault.GATE_INPUT_UNREADABLE, "not a gate report: %s", wrong.getOriginalMessage())
                    .where(where)
                    .expected("JSON of schema " + SCHEMA).causedBy(wrong);
        }
    }

    /// The gate's own part.
    public <T> T report(Class<T> type) {
        try {
            return GateJson.MAPPER.treeToValue(report, type);
        } catch (JacksonException wrong) {
            throw Fault.of(ExpertsFault.GATE_INPUT_UNREADABLE, "the report of run %s is not a %s report", runId, kind)
                    .causedBy(wrong);
        }
    }
}
