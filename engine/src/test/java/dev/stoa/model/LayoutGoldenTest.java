// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.format.Gguf;
import dev.stoa.format.ModelDirectory;
import dev.stoa.format.Safetensors;
import dev.stoa.format.Weights;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The models of FamilyGoldenTest in the layouts of llama.cpp and mlx-lm (tools/golden/layouts.py) give the same logits,
/// also under an adapter that was trained on the original. `-Dstoa.layouts=CASES:LAYOUTS` adds others.
class LayoutGoldenTest {
    private static final String GOLDEN = "src/test/resources/golden/families:src/test/resources/golden/layouts";

    record Case(Path original, Path copy) {
        @Override
        public String toString() {
            return copy.toString();
        }
    }

    static List<Case> cases() throws IOException {
        List<Case> cases = new ArrayList<>();
        for (String pair : new String[] {GOLDEN, System.getProperty("stoa.layouts", "")}) {
            if (pair.isEmpty()) continue;
            Path families = Path.of(pair.substring(0, pair.indexOf(':')));
            try (Stream<Path> places = Files.list(Path.of(pair.substring(pair.indexOf(':') + 1)))) {
                for (Path place : places.filter(Files::isDirectory).sorted().toList()) {
                    for (String name : new String[] {"model.gguf", "mlx/model.safetensors"}) {
                        Path copy = place.resolve(name);
                        if (!Files.exists(copy)) continue;
                        cases.add(new Case(families.resolve(place.getFileName()), name.startsWith("mlx") ? copy.getParent() : copy));
                    }
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void equalsTheOriginal(Case layouts) throws IOException {
        try (Kernels kernels = KernelProvider.open("auto", 2); Scope scope = new Ledger().scope("layouts")) {
            Model model = layouts.copy().toString().endsWith(".gguf") ? Model.load(Gguf.open(layouts.copy(), scope), kernels, scope)
                    : Model.load(ModelDirectory.openWithoutTokenizer(layouts.copy(), scope), kernels, scope);
            Weights expected = Safetensors.open(layouts.original().resolve("expected.safetensors"), scope);
            Decoder decoder = new Decoder(model);
            int[] ids = LogitsGoldenTest.ids(expected);
            if (model.spec().head() == null) {
                FamilyGoldenTest.close(Runner.hidden(decoder, model.spec(), AdapterSet.BASE, ids), expected.find("hidden"), "hidden");
                return;
            }
            FamilyGoldenTest.close(Runner.logits(decoder, model.spec(), AdapterSet.BASE, 16, ids), expected.find("logits"), "logits");
            if (expected.find("adapted") == null) return;
            Adapter adapter = AdapterLoader.read(layouts.original().resolve("adapter"), model, scope);
            FamilyGoldenTest.close(Runner.logits(decoder, model.spec(), AdapterSet.of(adapter), 16, ids), expected.find("adapted"), "adapted");
        }
    }
}
