// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.store.CrashingDisk;
import dev.stoa.store.Disk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class GateReportTest {
    @TempDir
    Path directory;

    private static final GateReport.Subject SUBJECT = new GateReport.Subject("spice", "1.0.0", "a".repeat(64));

    private static GateReport health() {
        HealthReport health = Health.check(GateFixture.random(1, 2, 2, 6, 5, "self_attn.q_proj"), null,
                Health.Options.STRICT);
        return GateReport.of(health, "test", "stoa expert gate health DIR", "b".repeat(64), SUBJECT);
    }

    @Test
    void theEnvelopeHasTheFieldsOfTheSpecificationAndUnavailableNumbersAreNull() {
        JsonNode json = JsonMapper.shared().readTree(health().toJson());
        assertThat(json.propertyNames()).containsExactlyInAnyOrder("schema", "kind", "run_id", "created_at",
                "code_version", "command", "base_hash", "new", "priors", "probes", "decoding", "thresholds", "result", "warnings",
                "timings_ms", "report");
        assertThat(json.get("schema").asString()).isEqualTo("stoa.gate/1");
        assertThat(json.get("result").get("exit_code").asInt()).isZero();
        assertThat(json.get("new").get("adapter_hash").asString()).hasSize(64);
        JsonNode module = json.get("report").get("modules").get(0);
        assertThat(module.get("rel_norm").isNull()).isTrue();
        assertThat(module.get("effective_rank").isNumber()).isTrue();
        assertThat(json.get("report").propertyNames()).contains("total_lora_b", "zero_lora_b", "zero_expert_slices",
                "max_norm", "mean_norm", "non_finite", "missing_partners", "zero_keys", "healthy", "warnings");
    }

    @Test
    void everyKindOfReportReadsBackAsItWas() {
        GateReport report = health();
        GateReport again = GateReport.parse(report.toJson(), "memory");
        assertThat(again.toJson()).isEqualTo(report.toJson());
        assertThat(again.report(HealthReport.class)).isEqualTo(report.report(HealthReport.class));

        ForgettingReport angles = Forgetting.compare(GateFixture.random(1, 2, 2, 6, 5, "mlp.up_proj"),
                GateFixture.random(2, 3, 2, 6, 5, "mlp.up_proj"), new Forgetting.WinRate(.9, .8, 64, .01, .19));
        GateReport forgetting = GateReport.of(angles, "test", "stoa expert gate forgetting", "b".repeat(64), SUBJECT,
                SUBJECT);
        assertThat(GateReport.parse(forgetting.toJson(), "memory").report(ForgettingReport.class)).isEqualTo(angles);
        assertThat(JsonMapper.shared().readTree(forgetting.toJson()).get("report").propertyNames())
                .contains("angle_degrees_mean",
                "angle_degrees_per_module", "min_angle_module", "min_angle_value", "band", "layers_compared",
                "layers_dropped",
                "winrate_baseline", "winrate_measured", "winrate_drop", "winrate_drop_ci", "n", "gate_status",
                "gate_status_aggregate", "gate_status_per_module", "offending_modules", "warning", "note");

        Uplift uplift = DecisionsTest.uplift("spice", 5, 4, 128);
        GateReport measured = GateReport.of(uplift, "test", "stoa expert gate", "b".repeat(64), SUBJECT)
                .withProbes(List.of(new GateReport.Probes("spice", "test", "c".repeat(64), 128)),
                new GateReport.Decoding(0, 32, 1));
        assertThat(measured.result().exitCode()).isEqualTo(5);
        assertThat(GateReport.parse(measured.toJson(), "memory").report(Uplift.class)).isEqualTo(uplift);
    }

    @Test
    void aNumberThatIsNoneNeverReachesAReport() {
        assertThatThrownBy(() -> GateReport.of("x", "v", "c", "b", SUBJECT, Map.of(),
                GateReport.Result.of(GateExit.PASS, List.of()),
                List.of(), Map.of("value", Double.NaN))).hasMessageContaining("/value");
    }

    @Test
    void aCrashWhileWritingLeavesTheOldReportOrTheNew() throws Exception {
        for (int at = 1; at <= 6; at++) {
            Path file = Files.createDirectory(directory.resolve("crash-" + at)).resolve("report.json");
            byte[] old = health().toJson();
            Files.write(file, old);
            GateReport report = health();
            try {
                report.write(file, new CrashingDisk(at, at));
            } catch (CrashingDisk.Crash stopped) {
                // looked at below
            }
            assertThat(Files.readAllBytes(file)).isIn(old, report.toJson());
        }
    }

    @Test
    void somethingElseIsNoReport() {
        for (String text : List.of("", "[]", "{}", "{\"schema\":\"stoa.gate/2\",\"kind\":\"x\",\"run_id\":\"1\"}",
                "{\"schema\"")) {
            assertThatThrownBy(() -> GateReport.parse(text.getBytes(StandardCharsets.UTF_8), "file.json"))
                    .isInstanceOf(FaultException.class).hasMessageContaining("file.json");
        }
        Disk disk = Disk.local();
        assertThatThrownBy(() -> health().write(directory.resolve("absent/report.json"), disk))
                .isInstanceOf(IOException.class);
    }

    @Test
    void runIdsSortByTimeAndDoNotRepeat() {
        assertThat(RunId.of(1469918176385L, 0, 0)).startsWith("01ARYZ6S41")
                .hasSize(26); // the example of the ULID format
        assertThat(RunId.of(1, -1L, 0xFFFF)).isEqualTo("0000000001ZZZZZZZZZZZZZZZZ");
        assertThat(RunId.of(5, 0, 1)).endsWith("00001").isLessThan(RunId.of(6, 0, 0));
        assertThat(RunId.of(5, 1, 0))
                .isEqualTo("0000000005000000000000" + "2000"); // bit 16 = bit 1 of the fourth digit
        assertThat(RunId.next()).isNotEqualTo(RunId.next());
    }
}
