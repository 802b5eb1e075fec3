// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.format.Safetensors;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `bench logits` in this process, against what transformers and PEFT computed.
class BenchLogitsTest {
    private static final Path GOLDEN = Path.of("../engine/src/test/resources/golden");
    @TempDir
    Path folder;

    private double worst(Path original, Path model, String expected, String result, String... more) throws IOException {
        try (Scope scope = new Ledger().scope("bench logits")) {
            Safetensors truth = Safetensors.open(original.resolve("expected.safetensors"), scope);
            Tensor ids = truth.find("ids");
            StringJoiner tokens = new StringJoiner(",");
            for (int i = 0; i < ids.elements(); i++) tokens.add(Integer.toString(ids.data().get(ValueLayout.JAVA_INT_UNALIGNED, 4L * i)));
            List<String> line = new ArrayList<>(List.of("bench", "logits", "--model", model.toString(), "--tokens", tokens.toString(),
                    "--out", folder.resolve("out.safetensors").toString()));
            line.addAll(List.of(more));
            Shell.Result run = new Shell().run(line.toArray(String[]::new));
            assertThat(run.exit()).as(run.err()).isZero();
            Tensor ours = Safetensors.open(folder.resolve("out.safetensors"), scope).find(result);
            Tensor reference = truth.find(expected);
            int from = reference.rows() - ours.rows();
            double worst = 0;
            for (long i = 0; i < ours.elements(); i++) {
                worst = Math.max(worst, Math.abs(ours.get(i) - reference.get((long) from * ours.cols() + i)));
            }
            return worst;
        }
    }

    @Test
    void everyPositionTheLastOneAndAdapters() throws IOException {
        Path original = GOLDEN.resolve("families/llama");
        assertThat(worst(original, original, "logits", "logits", "--all")).isLessThan(1e-3);
        assertThat(worst(original, original, "logits", "logits", "--kernels", "scalar")).isLessThan(1e-3);
        Path gguf = GOLDEN.resolve("layouts/llama/model.gguf");
        assertThat(worst(original, gguf, "logits", "logits", "--all")).isLessThan(1e-3);
        String adapter = original.resolve("adapter").toString();
        assertThat(worst(original, gguf, "adapted", "logits", "--all", "--adapter", adapter)).isLessThan(1e-3);
        assertThat(worst(original, original, "adapted", "logits", "--all", "--adapter", adapter + "=1")).isLessThan(1e-3);
        assertThat(worst(original, original, "adapted", "logits", "--all", "--adapter", adapter + "=0.5")).isGreaterThan(1e-2);
    }

    @Test
    void encodersGiveHiddenStatesAndAnEmbedding() throws IOException {
        Path original = GOLDEN.resolve("families/mpnet");
        assertThat(worst(original, original, "hidden", "hidden")).isLessThan(1e-4);
        assertThat(worst(original, original, "embedding", "embedding")).isLessThan(1e-5);
    }

    @Test
    void wrongIdsAreRefused() {
        String model = GOLDEN.resolve("families/llama").toString();
        String out = folder.resolve("none.safetensors").toString();
        Shell.Result result = new Shell().run("bench", "logits", "--model", model, "--tokens", "1,99999", "--out", out);
        assertThat(result.exit()).isNotZero();
        assertThat(result.err()).contains("99999");
        assertThat(Path.of(out)).doesNotExist();
        assertThat(new Shell().run("bench", "logits", "--model", model, "--tokens", "1").exit()).isEqualTo(ExitCode.USAGE.number);
    }
}
