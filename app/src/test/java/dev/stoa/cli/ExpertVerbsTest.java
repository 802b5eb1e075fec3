// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.serve.TinyDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The life of an expert through the command line, on a model with random weights.
class ExpertVerbsTest {
    @TempDir
    static Path folder;

    private static String base;
    private static String data;

    @BeforeAll
    static void write() throws IOException {
        base = TinyDirectory.write(folder.resolve("tiny")).toString();
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 80; i++) {
            rows.append("{\"messages\":[{\"role\":\"user\",\"content\":\"the text ").append(i % 4)
                    .append("\"},{\"role\":\"assistant\",\"content\":\"it is the end\"}]}\n");
        }
        data = Files.writeString(folder.resolve("rows.jsonl"), rows).toString();
    }

    private static Shell.Result train(String out, String... more) {
        String[] fixed = {"expert", "train", "--base", base, "--data", data, "--out", out, "--lr", "0.01", "--threads", "1"};
        String[] args = java.util.Arrays.copyOf(fixed, fixed.length + more.length);
        System.arraycopy(more, 0, args, fixed.length, more.length);
        return new Shell().run(args);
    }

    @Test
    void trainsGatesPublishesListsAndRollsBack() {
        String out = folder.resolve("mine").toString();
        Shell.Result trained = train(out, "--steps", "12");
        assertThat(trained.exit()).as(trained.err()).isZero();
        assertThat(trained.out()).contains("finished").contains("held out");
        assertThat(trained.err()).contains("plan   12 steps").contains("next   stoa run");
        assertThat(Path.of(out, "adapter_model.safetensors")).exists();
        assertThat(train(out, "--steps", "12").err()).contains("error[output_exists]");

        Shell.Result eval = new Shell().run("expert", "eval", "--base", base, "--expert", out, "--data", data, "--json");
        JsonNode losses = JsonMapper.shared().readTree(eval.out()).get("data");
        assertThat(losses.get("expert_loss").asDouble()).isLessThan(losses.get("base_loss").asDouble());

        Shell.Result gate = new Shell().run("expert", "gate", "--base", base, "--expert", out, "--against", out);
        assertThat(gate.exit()).as(gate.err()).isZero();
        assertThat(gate.out()).contains("health").contains("forgetting").contains("verdict     PASS");

        String library = folder.resolve("library").toString();
        assertThat(new Shell().run("expert", "ls", "--library", library).exit()).isEqualTo(3);
        assertThat(folder.resolve("library")).doesNotExist();
        for (String version : new String[] {"1.0.0", "1.1.0"}) {
            Shell.Result published = new Shell().run("expert", "publish", "mine", "--library", library, "--base", base, "--expert", out);
            assertThat(published.exit()).as(published.err()).isZero();
            assertThat(published.out()).contains("published mine@" + version);
        }
        String listed = new Shell().run("expert", "ls", "--library", library).out();
        assertThat(listed).contains("mine").contains("published");
        assertThat(new Shell().run("ls", "--experts", library).out()).isEqualTo(listed);
        assertThat(new Shell().run("ls", "--experts", library, "--long").exit()).isEqualTo(2);
        assertThat(new Shell().run("expert", "rollback", "mine", "--library", library).out()).contains("mine serves version 1.0.0 again");
        assertThat(new Shell().run("expert", "rollback", "mine", "--library", library).err()).contains("error[no_rollback_target]");
    }

    @Test
    void aFinishedRunIsNoInterruptedOne() throws IOException {
        Path out = folder.resolve("again");
        Path run = folder.resolve("again.run");
        assertThat(train(out.toString(), "--steps", "3").exit()).isZero();
        byte[] first = Files.readAllBytes(out.resolve("adapter_model.safetensors"));
        assertThat(run.resolve("run.jsonl")).exists();
        assertThat(run.resolve("checkpoints")).doesNotExist();
        Files.move(out, folder.resolve("elsewhere"));
        Shell.Result second = train(out.toString(), "--steps", "3");
        assertThat(second.exit()).as(second.err()).isZero();
        assertThat(second.err()).contains("kept as " + run + "-1");
        assertThat(folder.resolve("again.run-1").resolve("report.json")).exists();
        assertThat(Files.readAllBytes(out.resolve("adapter_model.safetensors"))).isEqualTo(first);
        assertThat(Files.readAllLines(run.resolve("run.jsonl"))).noneMatch(line -> line.contains("\"resume\""));

        // a run that was killed has no report: it is said, and --resume goes on with it
        Files.move(out, folder.resolve("elsewhere-2"));
        Files.delete(run.resolve("report.json"));
        assertThat(train(out.toString(), "--steps", "3").err()).contains("an interrupted run is there");
        assertThat(train(out.toString(), "--steps", "3", "--resume").exit()).isZero();
        assertThat(Files.readAllBytes(out.resolve("adapter_model.safetensors"))).isEqualTo(first);
    }

    /// This model's prompt ends in a space, which its tokenizer would merge with an answer's first word.
    @Test
    void theExpertAnswersWhatItLearnedAndIsPublishedForIt() throws IOException {
        String out = folder.resolve("answers").toString();
        Shell.Result trained = train(out, "--steps", "40");
        assertThat(trained.exit()).as(trained.err()).isZero();
        Shell.Result answer = new Shell().run("run", base, "--expert", out, "the text 1", "--temperature", "0", "--max-tokens", "24");
        assertThat(answer.out()).isEqualTo("it is the end\n");

        String probes = probes("probes.jsonl", 130);
        Shell.Result gate = new Shell().run("expert", "gate", "uplift", "--base", base, "--expert", out, "--probes", probes);
        assertThat(gate.exit()).as(gate.out() + gate.err()).isZero();
        assertThat(gate.out()).contains("uplift").contains("n=130").contains("expert").contains("verdict     PASS");
        String library = folder.resolve("gated").toString();
        Shell.Result published = publish(library, out, "--probes", probes);
        assertThat(published.exit()).as(published.err()).isZero();
        assertThat(published.out()).contains("published mine@1.0.0");

        // too few probes decide nothing, and an adapter that is only different gains nothing
        Shell.Result few = publish(library, out, "--probes", probes("few.jsonl", 20));
        assertThat(few.exit()).as(few.err()).isEqualTo(4);
        assertThat(few.out()).contains("mine@1.1.0 is held").contains("at least 128");
        String random = writeRandom();
        Shell.Result none = publish(library, random, "--probes", probes);
        assertThat(none.exit()).as(none.out() + none.err()).isEqualTo(5);
        assertThat(none.out()).contains("mine@1.2.0 is base_only, no_measured_gain");
        assertThat(new Shell().run("expert", "gate", "--base", base, "--expert", random, "--probes", probes).exit()).isEqualTo(1);
        JsonNode experts = JsonMapper.shared().readTree(new Shell().run("expert", "ls", "--library", library, "--json").out()).get("data").get("experts");
        for (JsonNode version : experts) assertThat(version.get("active").asBoolean()).isEqualTo(version.get("version").asString().equals("1.0.0"));
        Shell.Result allowed = publish(library, random, "--probes", probes, "--allow-no-gain");
        assertThat(allowed.exit()).isZero();
        assertThat(allowed.err()).contains("published without a measured gain");
    }

    @Test
    void aProbeThatIsThereTwiceIsRefused() throws IOException {
        String twice = Files.writeString(folder.resolve("twice.jsonl"), "{\"prompt\":\"a\",\"completion\":\"b\"}\n".repeat(2)).toString();
        Shell.Result gate = new Shell().run("expert", "gate", "uplift", "--base", base, "--expert", base, "--probes", twice);
        assertThat(gate.err()).contains("error[gate_input_unreadable]").contains("twice.jsonl:2").contains("there twice");
        assertThat(new Shell().run("expert", "gate", "uplift", "--base", base, "--expert", base).err()).contains("add --probes FILE");
    }

    private static String probes(String name, int count) throws IOException {
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < count; i++) rows.append("{\"prompt\":\"the text ").append(100 + i).append("\",\"completion\":\"it is the end\"}\n");
        return Files.writeString(folder.resolve(name), rows).toString();
    }

    private static Shell.Result publish(String library, String adapter, String... more) {
        List<String> args = new ArrayList<>(List.of("expert", "publish", "mine", "--library", library, "--base", base, "--expert", adapter));
        args.addAll(List.of(more));
        return new Shell().run(args.toArray(String[]::new));
    }

    /// A trained adapter's likeness: healthy, and of no use.
    private static String writeRandom() {
        String out = folder.resolve("useless").toString();
        assertThat(train(out, "--steps", "1").exit()).isZero();
        return out;
    }

    @Test
    void aDryRunShowsThePlanAndASampleAndWritesNothing() {
        Path out = folder.resolve("dry");
        Shell.Result plan = train(out.toString(), "--steps", "12", "--dry-run");
        assertThat(plan.exit()).as(plan.err()).isZero();
        assertThat(plan.out()).contains("it is the end");
        assertThat(plan.err()).contains("of them learned");
        assertThat(out).doesNotExist();
        assertThat(folder.resolve("dry.run")).doesNotExist();
    }

    /// The base read where it lies; the same numbers on every machine, because f32 needs no special instructions.
    @Test
    void trainsOnWeightsWhereTheyLie() {
        Shell.Result trained = train(folder.resolve("stored").toString(), "--steps", "4", "--compute", "f32", "--recompute");
        assertThat(trained.exit()).as(trained.err()).isZero();
        assertThat(folder.resolve("stored/adapter_model.safetensors")).exists();
        Shell.Result timed = new Shell().run("bench", "train", "--model", base, "--compute", "f32", "--tokens", "12", "--rank", "2", "--runs", "2",
                "--warm", "1", "--threads", "1", "--json");
        assertThat(timed.exit()).as(timed.err()).isZero();
        assertThat(timed.out()).contains("\"tokens_per_s\"", "\"spread\"", "\"share_of_limit\"", "\"peak_bytes\"");
        assertThat(train(folder.resolve("other").toString(), "--compute", "f64").err()).contains("f32 or bf16");
        assertThat(new Shell().run("bench", "train", "--model", base, "--trained", "0").exit()).isEqualTo(2);
    }

    @Test
    void badInputIsSaid() throws IOException {
        String bad = Files.writeString(folder.resolve("bad.jsonl"), "{\"prompt\":1}\n").toString();
        Shell.Result rows = new Shell().run("expert", "train", "--base", base, "--data", bad, "--out", folder.resolve("x").toString());
        assertThat(rows.exit()).isNotZero();
        assertThat(rows.err()).contains("error[");
        assertThat(new Shell().run("expert", "train").exit()).isEqualTo(2);
        assertThat(new Shell().run("train", "expert").err()).contains("expert train");
        assertThat(new Shell().run("expert", "gate", "nonsense", "--base", base, "--expert", base).exit()).isEqualTo(2);
        assertThat(new Shell().run("route", "--router", folder.resolve("none").toString(), "x").exit()).isEqualTo(3);
    }
}
