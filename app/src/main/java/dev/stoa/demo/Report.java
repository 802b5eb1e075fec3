// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.format.AtomicFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The demo's outcome as `report.json` (machine-readable) and the input of `report.html`.
/// `tables` are shown as they are; a cell is text or a number.
public record Report(
        String size, long seed, Map<String, String> machine, Map<String, String> hashes, double seconds, long peakBytes,
        List<PhaseRecord> phases, List<Claim> claims, List<Table> tables, List<Plot> plots) {
    public record Table(String title, String caption, List<String> header, List<List<String>> rows) {}

    /// Whether every required claim holds.
    public boolean ok() {
        return claims.stream().noneMatch(claim -> claim.verdict() == Claim.Verdict.FAIL);
    }

    public void write(Path directory) throws IOException {
        JsonMapper json = JsonMapper.builder().build();
        ObjectNode root = json.createObjectNode();
        root.put("schema", "stoa.demo/1").put("ok", ok()).put("size", size).put("seed", seed);
        root.put("seconds", seconds).put("peak_bytes", peakBytes);
        root.set("machine", json.valueToTree(machine));
        root.set("hashes", json.valueToTree(hashes));
        ArrayNode phaseRows = root.putArray("phases");
        for (PhaseRecord phase : phases) {
            phaseRows.addObject().put("name", phase.name()).put("seconds", phase.seconds())
                    .put("budget_seconds", phase.budgetSeconds()).put("slow", phase.slow())
                    .put("peak_bytes", phase.peakBytes()).put("reused", phase.reused());
        }
        ArrayNode claimRows = root.putArray("claims");
        for (Claim claim : claims) {
            ObjectNode row = claimRows.addObject().put("id", claim.id()).put("title", claim.title())
                    .put("verdict", claim.verdict().wire());
            row.set("value", json.valueToTree(claim.value()));
            row.set("ci", claim.interval().isEmpty() ? json.nullNode() : json.valueToTree(claim.interval()));
            row.put("n", claim.n());
            row.set("baseline", json.valueToTree(claim.baseline()));
            row.put("detail", claim.detail());
        }
        root.set("tables", json.valueToTree(tables));
        AtomicFiles.write(directory.resolve("report.json"), json.writerWithDefaultPrettyPrinter().writeValueAsString(root));
        AtomicFiles.write(directory.resolve("report.html"), ReportPage.render(this));
    }
}
