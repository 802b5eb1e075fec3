// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `run`, `chat`, `ps` and `stop` in this process.
class ModelVerbsTest {
    @TempDir
    static Path folder;

    private static String model;
    private static String one;

    @BeforeAll
    static void write() throws IOException {
        model = TinyDirectory.write(folder.resolve("tiny")).toString();
        one = TinyDirectory.adapter(Path.of(model), folder.resolve("one"), 1).toString();
    }

    private static Shell.Result run(String... more) {
        String[] args = new String[more.length + 7];
        System.arraycopy(new String[] {"run", model, "the answer", "--temperature", "0", "--max-tokens", "12"}, 0, args, 0, 7);
        System.arraycopy(more, 0, args, 7, more.length);
        return new Shell().run(args);
    }

    @Test
    void runPrintsTheAnswerAndOnlyThatOnStdout() {
        Shell.Result plain = run("--stats");
        assertThat(plain.exit()).as(plain.err()).isZero();
        assertThat(plain.out()).isNotBlank();
        assertThat(plain.err()).contains("answer tokens").contains("tok/s");
        assertThat(run("--expert", one).out()).isNotEqualTo(plain.out());
        assertThat(run().out()).isEqualTo(plain.out());
    }

    @Test
    void runAsJson() {
        JsonNode data = JsonMapper.shared().readTree(run("--json", "--expert", "x=" + one + "*0.5").out()).get("data");
        assertThat(data.get("completion_tokens").asInt()).isBetween(1, 12);
        assertThat(data.get("experts").get(0).get("name").asString()).isEqualTo("x");
        assertThat(data.get("experts").get(0).get("weight").asDouble()).isEqualTo(0.5);
    }

    @Test
    void runTakesThePromptFromStdin() {
        Shell.Result piped = new Shell().input("the answer\n").run("run", model, "--temperature", "0", "--max-tokens", "12");
        assertThat(piped.out()).isEqualTo(run().out());
    }

    @Test
    void runRefusesWhatIsMissing() {
        assertThat(new Shell().run("run", model).err()).contains("error[empty_prompt]");
        Shell.Result nowhere = new Shell().run("run", folder.resolve("nowhere").toString(), "x");
        assertThat(nowhere.exit()).isEqualTo(3);
        assertThat(nowhere.err()).contains("nowhere");
        Shell.Result notAdapter = run("--expert", model);
        assertThat(notAdapter.exit()).isNotZero();
        assertThat(notAdapter.err()).contains("error[");
        assertThat(run("--expert", one + "*9").err()).contains("weight");
        assertThat(run("--temperature", "7").exit()).isEqualTo(2);
        assertThat(new Shell().run("run").exit()).isEqualTo(2);
    }

    @Test
    void chatKeepsTheConversationAndKnowsItsCommands() {
        Shell.Result result = new Shell().input("""
                the answer
                /retry
                /expert %s
                /retry
                /expert /nowhere
                /stats
                \"""
                two
                lines
                \"""
                /undo
                /nonsense
                /help
                /bye
                never said
                """.formatted(one)).run("chat", model, "--temperature", "0", "--max-tokens", "8");
        assertThat(result.exit()).as(result.err()).isZero();
        String[] answers = result.out().split("\n");
        assertThat(answers.length).isGreaterThanOrEqualTo(4);
        assertThat(result.err()).contains("mounted one").contains("error[").contains("unknown command /nonsense").contains("/retry")
                .contains("answer tokens");
    }

    @Test
    void psAndStopWithoutServers() {
        String home = folder.resolve("home").toString();
        Shell.Result ps = new Shell().env("STOA_HOME", home).run("ps");
        assertThat(ps.exit()).isZero();
        assertThat(ps.err()).contains("no server is running");
        assertThat(JsonMapper.shared().readTree(new Shell().env("STOA_HOME", home).run("ps", "--json").out()).get("data").get("servers")).isEmpty();
        Shell.Result stop = new Shell().env("STOA_HOME", home).run("stop");
        assertThat(stop.exit()).isEqualTo(3);
        assertThat(stop.err()).contains("error[no_server]");
        assertThat(new Shell().env("STOA_HOME", home).run("ps", "--wait-ready", "0").exit()).isEqualTo(3);
    }
}
