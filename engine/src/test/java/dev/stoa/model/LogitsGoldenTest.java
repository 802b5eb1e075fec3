// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.PeftReader;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Tiny models that transformers saved, in both config dialects, against the logits transformers computed
/// (tools/golden/logits.py).
class LogitsGoldenTest {
    static final Path GOLDEN = Path.of("src/test/resources/golden/logits");

    @Test
    void filesAreTheOnesThatWereWritten() throws Exception {
        List<String> lines = Files.readAllLines(GOLDEN.resolve("SHA256SUMS"));
        assertThat(lines).hasSizeGreaterThan(15);
        for (String line : lines) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(GOLDEN.resolve(line.substring(66))));
            assertThat(HexFormat.of().formatHex(digest)).as(line.substring(66)).isEqualTo(line.substring(0, 64));
        }
    }

    @ParameterizedTest
    @CsvSource({"llama-llama3, scalar", "llama-v4-linear, auto", "qwen3-bf16, scalar", "qwen3-v4-yarn, auto", "qwen3-window, auto",
            "llama-llama3, auto", "qwen3-bf16, auto"})
    void equalsTransformers(String name, String provider) throws IOException {
        Ledger ledger = new Ledger();
        try (Kernels kernels = KernelProvider.open(provider, 2); Scope scope = ledger.scope(name)) {
            Model model = Model.load(ModelDirectory.openWithoutTokenizer(GOLDEN.resolve(name), scope), kernels, scope);
            Weights expected = Safetensors.open(GOLDEN.resolve(name).resolve("expected.safetensors"), scope);
            float[][] ours = Runner.logits(new Decoder(model), model.spec(), AdapterSet.BASE, 16, ids(expected));
            assertThat(largestDifference(ours, expected.find("logits"))).isLessThan(1e-4);
            assertThat(model.spec().eosIds()).containsExactly(2, 3);
        }
        assertThat(ledger.activeBytes()).isZero();
    }

    /// Adapters that PEFT saved: rsLoRA on some modules and the head; plain LoRA on all linear layers.
    @ParameterizedTest
    @CsvSource({"llama-llama3, scalar", "qwen3-bf16, auto"})
    void equalsPeft(String name, String provider) throws IOException {
        Ledger ledger = new Ledger();
        try (Kernels kernels = KernelProvider.open(provider, 2); Scope scope = ledger.scope(name)) {
            Model model = Model.load(ModelDirectory.openWithoutTokenizer(GOLDEN.resolve(name), scope), kernels, scope);
            Weights expected = Safetensors.open(GOLDEN.resolve(name).resolve("expected.safetensors"), scope);
            Adapter adapter = PeftReader.read(GOLDEN.resolve(name).resolve("adapter"), model.linearShapes(), scope);
            float[][] ours = Runner.logits(new Decoder(model), model.spec(), AdapterSet.of(adapter), 16, ids(expected));
            assertThat(largestDifference(ours, expected.find("adapted"))).isLessThan(1e-4);
            assertThat(largestDifference(ours, expected.find("logits"))).isGreaterThan(0.1);
        }
    }

    static int[] ids(Weights expected) {
        Tensor ids = expected.find("ids");
        int[] values = new int[(int) ids.elements()];
        for (int i = 0; i < values.length; i++) values[i] = ids.data().get(ValueLayout.JAVA_INT_UNALIGNED, 4L * i);
        return values;
    }

    static double largestDifference(float[][] ours, Tensor expected) {
        double largest = 0;
        int vocab = expected.cols();
        for (int t = 0; t < ours.length; t++) {
            for (int v = 0; v < vocab; v++) largest = Math.max(largest, Math.abs(ours[t][v] - expected.get((long) t * vocab + v)));
        }
        return largest;
    }
}
