// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Tiny models of every family against what transformers computed (tools/golden/families.py), whole and token by token,
/// with the adapters PEFT saved. `-Dstoa.sweep=DIR` adds the cases of a sweep made by the same script.
class FamilyGoldenTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/families");

    static List<Path> cases() throws IOException {
        List<Path> cases = new ArrayList<>();
        for (String root : new String[] {GOLDEN.toString(), System.getProperty("stoa.sweep", "")}) {
            if (root.isEmpty()) continue;
            try (Stream<Path> directories = Files.list(Path.of(root))) {
                directories.filter(path -> Files.exists(path.resolve("expected.safetensors"))).sorted().forEach(cases::add);
            }
        }
        return cases;
    }

    @Test
    void filesAreTheOnesThatWereWritten() throws Exception {
        List<String> lines = Files.readAllLines(GOLDEN.resolve("SHA256SUMS"));
        assertThat(lines).hasSizeGreaterThan(40);
        for (String line : lines) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(GOLDEN.resolve(line.substring(66))));
            assertThat(HexFormat.of().formatHex(digest)).as(line.substring(66)).isEqualTo(line.substring(0, 64));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void equalsTransformers(Path place) throws IOException {
        Ledger ledger = new Ledger();
        try (Kernels kernels = KernelProvider.open("auto", 2); Scope scope = ledger.scope("golden")) {
            Model model = Model.load(ModelDirectory.openWithoutTokenizer(place, scope), kernels, scope);
            Weights expected = Safetensors.open(place.resolve("expected.safetensors"), scope);
            Decoder decoder = new Decoder(model);
            int[] ids = LogitsGoldenTest.ids(expected);
            if (model.spec().head() == null) {
                float[][] hidden = Runner.hidden(decoder, model.spec(), AdapterSet.BASE, ids);
                close(hidden, expected.find("hidden"), "hidden");
                close(new float[][] {Embeddings.mean(hidden)}, expected.find("embedding"), "embedding");
                return;
            }
            float[][] whole = Runner.logits(decoder, model.spec(), AdapterSet.BASE, ids.length, ids);
            close(whole, expected.find("logits"), "logits");
            for (int chunk : new int[] {1, 7}) {
                assertThat(Runner.logits(decoder, model.spec(), AdapterSet.BASE, chunk, ids)).as("chunks of %d", chunk).isDeepEqualTo(whole);
            }
            if (expected.find("adapted") == null) return;
            Adapter adapter = AdapterLoader.read(place.resolve("adapter"), model, scope);
            float[][] adapted = Runner.logits(decoder, model.spec(), AdapterSet.of(adapter), 16, ids);
            close(adapted, expected.find("adapted"), "adapted");
            assertThat(LogitsGoldenTest.largestDifference(adapted, expected.find("logits"))).isGreaterThan(1e-3);
            boolean rescales = adapter.entries().values().stream().anyMatch(Delta.Dora.class::isInstance);
            AdapterSet half = new AdapterSet(List.of(new AdapterSet.Member(adapter, 0.5)));
            if (rescales) assertThatThrownBy(() -> DoraFactors.checkTogether(half)).hasMessageContaining("alone, weight 1");
            else DoraFactors.checkTogether(half);
        }
        assertThat(ledger.activeBytes()).isZero();
    }

    /// max |difference| <= 1e-4 * max(1, standard deviation of the reference).
    static void close(float[][] ours, Tensor expected, String what) {
        double limit = 1e-4 * Math.max(1, deviation(expected));
        assertThat(LogitsGoldenTest.largestDifference(ours, expected)).as(what).isLessThan(limit);
    }

    private static double deviation(Tensor tensor) {
        double sum = 0;
        double squares = 0;
        for (long i = 0; i < tensor.elements(); i++) {
            sum += tensor.get(i);
            squares += (double) tensor.get(i) * tensor.get(i);
        }
        double mean = sum / tensor.elements();
        return Math.sqrt(squares / tensor.elements() - mean * mean);
    }
}
