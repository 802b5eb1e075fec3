// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The speed verbs on a small model: what they report, not how fast they are.
class BenchSpeedTest {
    private static final String MODEL = "../engine/src/test/resources/golden/layouts/llama/model.gguf";
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private static List<JsonNode> lines(Shell.Result run) {
        assertThat(run.exit()).as(run.err()).isZero();
        return run.out().lines().map(JSON::readTree).toList();
    }

    private static List<JsonNode> paced(String input, String... more) {
        List<String> line = new java.util.ArrayList<>(List.of("bench", "batch", "--model", MODEL, "--kernels", "scalar", "--threads", "1", "--paced", "--json"));
        line.addAll(List.of(more));
        return lines(new Shell().input(input).run(line.toArray(String[]::new)));
    }

    @Test
    void theResultNamesRateSpreadShareAndMachine() {
        Shell.Result run = new Shell().run("bench", "adapters", "--model", MODEL, "--rows", "2", "--tokens", "3", "--runs", "3", "--rank", "2", "--json");
        List<JsonNode> lines = lines(run);
        JsonNode data = lines.getLast().get("data");
        assertThat(lines.getLast().get("schema").asString()).isEqualTo("stoa.cli/bench adapters/1");
        assertThat(lines.stream().filter(line -> line.get("type").asString().equals("run")).count()).isEqualTo(9);
        double median = data.get("tokens_per_s").asDouble();
        assertThat(median).isBetween(data.get("spread").get(0).asDouble(), data.get("spread").get(1).asDouble()).isPositive();
        assertThat(data.get("runs").asInt()).isEqualTo(3);
        assertThat(data.get("share_of_limit").asDouble()).isGreaterThan(0).isLessThan(1);
        assertThat(data.get("peak_bytes").asLong()).isPositive();
        assertThat(data.get("tokens_per_s_none").asDouble()).isPositive();
        assertThat(data.get("tokens_per_s_same").asDouble()).isPositive();
        assertThat(data.get("model_hash").asString()).hasSize(64);
        assertThat(data.get("machine").asString()).contains("GB/s");
    }

    @Test
    void turnsAreTakenLineByLineAndRunsAreEqual() {
        List<JsonNode> lines = paced("batch 2 3\nprefill 1 5\nbatch 2 3\ndecode 1 3\n");
        assertThat(lines.stream().map(line -> line.get("type").asString())).containsExactly("ready", "run", "run", "run", "run", "result");
        assertThat(lines.get(1).get("hash")).isEqualTo(lines.get(3).get("hash")).isNotEqualTo(lines.get(4).get("hash"));
        assertThat(lines.get(2).has("prefill")).isTrue();
    }

    @Test
    void adaptersChangeWhatIsComputed() {
        List<JsonNode> bare = paced("batch 2 6\n");
        List<JsonNode> adapted = paced("batch 2 6\n", "--random-adapters", "2", "--rank", "64");
        assertThat(adapted.get(1).get("hash")).isNotEqualTo(bare.get(1).get("hash"));
    }

    @Test
    void numbersOutOfRangeAreRefused() {
        assertThat(new Shell().run("bench", "decode", "--model", MODEL, "--runs", "0").exit()).isEqualTo(ExitCode.USAGE.number);
        assertThat(new Shell().run("bench", "prefill", "--model", MODEL, "--tokens", "-1").err()).contains("--tokens");
    }

    @Test
    void groupsAndPromptsAreComparedRunByRun() {
        JsonNode groups = lines(new Shell().run("bench", "groups", "--model", MODEL, "--tokens", "3", "--runs", "2", "--rank", "2", "--json")).getLast().get("data");
        assertThat(groups.get("ratio_base+2_to_one").size()).isEqualTo(2);
        assertThat(groups.get("ratio_base+4_to_one").get(1).asDouble())
                .isEqualTo(groups.get("samples_base+4").get(1).asDouble() / groups.get("samples_one").get(1).asDouble());
        JsonNode prompt = lines(new Shell().run("bench", "prefill", "--model", MODEL, "--tokens", "5", "--runs", "2", "--random-adapters", "1", "--factors", "F16", "--json")).getLast().get("data");
        assertThat(prompt.get("ratio_prefill_to_none").size()).isEqualTo(2);
    }

    /// Rows of a GGUF LoRA stand in the order of the model's file, those of a directory do not: both mean the same.
    @Test
    void anAdapterIsWrittenForBothReaders(@TempDir Path folder) {
        List<JsonNode> hashes = new java.util.ArrayList<>();
        for (String[] one : new String[][] {{"a.gguf", "3"}, {"b", "3"}, {"c.gguf", "4"}}) {
            String written = folder.resolve(one[0]).toString();
            assertThat(new Shell().run("bench", "synth", "--adapter-of", MODEL, "--rank", "64", "--factors", "F16", "--seed", one[1], "--out", written).exit()).isZero();
            hashes.add(paced("batch 2 6\n", "--adapter", written).get(1).get("hash"));
        }
        assertThat(hashes.get(0)).isEqualTo(hashes.get(1)).isNotEqualTo(hashes.get(2));
        String taken = folder.resolve("a.gguf").toString();
        assertThat(new Shell().run("bench", "synth", "--adapter-of", MODEL, "--out", taken).err()).contains("already exists");
        assertThat(new Shell().run("bench", "synth", "--adapter-of", MODEL, "--factors", "Q8_0", "--out", taken).exit()).isEqualTo(ExitCode.USAGE.number);
        assertThat(new Shell().run("bench", "synth", "--out", taken).exit()).isEqualTo(ExitCode.USAGE.number);
    }
}
