// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Runs phases in order, stores each result, and takes a stored one when nothing it depends on has changed.
/// The key of a phase covers the options, the code and the keys of all earlier phases.
final class PhaseRunner {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private final Path directory;
    private final DemoProgress progress;
    private final List<PhaseRecord> records = new ArrayList<>();
    private String key;

    /// `key` identifies options and code.
    PhaseRunner(Path out, String key, DemoProgress progress) throws IOException {
        this.directory = Files.createDirectories(out.resolve("phases"));
        this.key = key;
        this.progress = progress;
    }

    /// The stored result of a phase that has run.
    static <R extends Record> R result(Path out, Phase<R> phase) throws IOException {
        return JSON.treeToValue(JSON.readTree(Files.readAllBytes(out.resolve("phases").resolve(phase.name() + ".json"))).get("result"), phase.resultType());
    }

    List<PhaseRecord> records() {
        return List.copyOf(records);
    }

    <R extends Record> R run(Phase<R> phase, Workbench bench) throws Exception {
        key = Sha256.hex(key + "/" + phase.name());
        Path file = directory.resolve(phase.name() + ".json");
        JsonNode stored = read(file);
        R known = stored == null ? null : JSON.treeToValue(stored.get("result"), phase.resultType());
        if (known != null && phase.present(known)) {
            double seconds = stored.get("seconds").asDouble();
            records.add(new PhaseRecord(phase.name(), phase.title(), seconds, phase.budgetSeconds(),
                    seconds > 2.0 * phase.budgetSeconds(), stored.get("peakBytes").asLong(), true));
            progress.phaseReused(phase.title(), seconds);
            return known;
        }
        progress.phaseStarted(phase.title(), phase.budgetSeconds());
        ProcessMemory.resetPeak();
        long start = System.nanoTime();
        R result = phase.run(bench);
        double seconds = (System.nanoTime() - start) * 1e-9;
        long peak = ProcessMemory.peakBytes();
        ObjectNode node = JSON.createObjectNode();
        node.put("key", key).put("seconds", seconds).put("peakBytes", peak);
        node.set("result", JSON.valueToTree(result));
        AtomicFiles.write(file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(node));
        boolean slow = seconds > 2.0 * phase.budgetSeconds();
        records.add(new PhaseRecord(phase.name(), phase.title(), seconds, phase.budgetSeconds(), slow, peak, false));
        progress.phaseFinished(phase.title(), seconds, slow);
        return result;
    }

    /// The stored phase when it is readable and has the present key, else null: a damaged or stale file only
    /// costs a rerun.
    private JsonNode read(Path file) {
        if (!Files.isRegularFile(file)) return null;
        try {
            JsonNode node = JSON.readTree(Files.readAllBytes(file));
            return node.path("key").asString("").equals(key) && node.has("result") ? node : null;
        } catch (IOException | tools.jackson.core.JacksonException e) {
            progress.note("ignoring " + file.getFileName() + ": " + e.getMessage());
            return null;
        }
    }
}
