// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `bench tokens` and `bench template` in this process: every item is answered, wrong ones with an error.
class BenchVerbsTest {
    @TempDir
    Path folder;

    @Test
    void tokensOfEveryText() throws IOException {
        Path model = TinyDirectory.write(folder.resolve("tiny"));
        Path in = Files.writeString(folder.resolve("texts.json"), "[\"hello\", \"\", 5, \"a\\ud800b\"]");
        Path out = folder.resolve("ids.json");
        Shell.Result result = new Shell().run("bench", "tokens", "--model", model.toString(), "--in", in.toString(), "--out", out.toString());
        assertThat(result.exit()).as(result.err()).isZero();
        JsonNode ids = JsonMapper.shared().readTree(Files.readString(out));
        assertThat(ids.size()).isEqualTo(4);
        int[] expected = BenchTokensVerb.tokenizer(model).encode("hello", false);
        assertThat(ids.get(0).toString()).isEqualTo(java.util.Arrays.toString(expected).replace(" ", ""));
        assertThat(ids.get(1).isEmpty()).isTrue();
        assertThat(ids.get(2).get("error").asString()).contains("not a string");
        assertThat(ids.get(3).isArray()).isTrue();
        assertThat(new Shell().run("bench", "tokens", "--model", folder.resolve("none").toString(), "--in", in.toString(), "--out", out.toString()).exit())
                .isNotZero();
        assertThat(new Shell().run("bench").exit()).isEqualTo(ExitCode.USAGE.number);
    }

    @Test
    void renderingsInOrder() throws IOException {
        Files.writeString(folder.resolve("chat.jinja"), "{{ x }} {{ strftime_now('%d %b %Y %H') }}");
        Files.writeString(folder.resolve("bad.jinja"), "{{ raise_exception('no ' ~ x) }}");
        Path in = Files.write(folder.resolve("cases.jsonl"), List.of(
                "{\"template\": \"chat.jinja\", \"variables\": {\"x\": 123456789012345678901234567890}, \"now\": \"2026-03-04T15:06:07+02:00\"}",
                "{\"template\": \"bad.jinja\", \"variables\": {\"x\": \"way\"}}", "not json", "{\"template\": \"none.jinja\"}",
                "{\"template\": \"chat.jinja\", \"variables\": {\"x\": null}, \"now\": \"2026-03-04\"}"));
        Path out = folder.resolve("out.jsonl");
        Shell.Result result = new Shell().run("bench", "template", "--in", in.toString(), "--out", out.toString());
        assertThat(result.exit()).as(result.err()).isZero();
        List<JsonNode> answers = Files.readAllLines(out).stream().map(line -> JsonMapper.shared().readTree(line)).toList();
        assertThat(answers).hasSize(5);
        assertThat(answers.get(0).get("text").asString()).isEqualTo("123456789012345678901234567890 04 Mar 2026 15");
        assertThat(answers.get(1).get("error").asString()).contains("no way");
        assertThat(answers.get(2).has("error")).isTrue();
        assertThat(answers.get(3).get("error").asString()).contains("no such template");
        assertThat(answers.get(4).get("text").asString()).isEqualTo("None 04 Mar 2026 00");
    }
}
