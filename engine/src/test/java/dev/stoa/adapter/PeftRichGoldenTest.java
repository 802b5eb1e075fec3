// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.adapter.PeftReader.MoeOrientation;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.format.Weights;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Adapters with more than low-rank updates of linear layers, saved by PEFT: applied to their base they make the weights
/// that PEFT's own merge makes (tools/golden/adapters.py).
class PeftRichGoldenTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/adapter");
    private final Scope scope = new Ledger().scope("test");

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        scope.close();
    }

    private Weights open(String name, String file) throws IOException {
        return Safetensors.open(GOLDEN.resolve(name).resolve(file), scope);
    }

    private double error(String name, Path directory, MoeOrientation orientation) throws IOException {
        Weights base = open(name, "base.safetensors");
        Adapter adapter = PeftReader.read(directory, AdapterEffect.base(base), orientation, scope);
        return AdapterEffect.error(new AdapterEffect(base).apply(adapter), base, open(name, "expected.safetensors"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"dora", "lora-bias", "bias-all", "modules-to-save", "embedding", "tokens", "activated", "experts", "experts-square"})
    void appliedGivesTheWeightsOfPeftsMerge(String name) throws IOException {
        assertThat(error(name, GOLDEN.resolve(name), MoeOrientation.AUTO)).isLessThan(1e-6);
        Weights base = open(name, "base.safetensors");
        Adapter adapter = PeftReader.read(GOLDEN.resolve(name), AdapterEffect.base(base), MoeOrientation.AUTO, scope);
        assertThat(adapter.invocationTokens()).hasSize(name.equals("activated") ? 2 : 0);
        assertThat(adapter.hash()).hasSize(64);
    }

    /// Every rule of the layout matters: reading it otherwise is far off or refused.
    @Test
    void mutantsAreSeen() throws IOException {
        assertThat(error("experts-square", GOLDEN.resolve("experts-square"), MoeOrientation.LEGACY)).isGreaterThan(0.1);
        changed("experts", (key, tensor) -> key.endsWith("lora_B.weight") ? shuffled(tensor) : tensor, "\"peft_version\"", "\"peft_version\"");
        assertThat(error("experts", folder, MoeOrientation.AUTO)).as("expert slowest in B").isGreaterThan(0.1);
        changed("dora", (key, tensor) -> tensor, "\"use_dora\": true", "\"use_dora\": false");
        assertThatThrownBy(() -> error("dora", folder, MoeOrientation.AUTO)).hasMessageContaining("a lora_magnitude_vector, but use_dora is false");
        changed("experts-square", (key, tensor) -> tensor, "\"peft_version\": \"0.21.2\"", "\"peft_version\": \"0.18.0\"");
        assertThatThrownBy(() -> error("experts-square", folder, MoeOrientation.AUTO)).hasMessageContaining("--moe-orientation");
        changed("experts", (key, tensor) -> tensor, "\"r\": 2", "\"r\": 3");
        assertThatThrownBy(() -> error("experts", folder, MoeOrientation.AUTO)).hasMessageContaining("rank 2 in the file, 3 in");
        changed("tokens", (key, tensor) -> tensor, "    1,\n    2\n", "    1,\n    99\n");
        assertThatThrownBy(() -> error("tokens", folder, MoeOrientation.AUTO)).hasMessageContaining("different ids below 12");
    }

    /// The layout that PEFT 0.17 and 0.18 wrote: A and B change sides, dP[e] = (B_e A_e) transposed.
    @Test
    void readsTheOldLayoutOfFusedExpertsByShape() throws IOException {
        changed("experts", (key, tensor) -> tensor, "\"peft_version\": \"0.21.2\"", "\"peft_version\": \"0.18.0\"");
        Safetensors file = Safetensors.open(folder.resolve("adapter_model.safetensors"), scope);
        Map<String, Tensor> old = new TreeMap<>();
        for (String key : file.names()) {
            if (!key.endsWith("lora_A.weight")) continue;
            Tensor a = file.find(key);                                       // (E r, in), expert slowest
            Tensor b = file.find(key.replace("lora_A", "lora_B"));           // (out, r E), expert fastest
            int experts = 3;
            int rank = a.rows() / experts;
            int[] slow = new int[experts * rank];
            for (int e = 0; e < experts; e++) for (int k = 0; k < rank; k++) slow[e * rank + k] = k * experts + e;
            old.put(key, FactorLayout.transpose(FactorLayout.columns(b, slow, scope), scope));
            old.put(key.replace("lora_A", "lora_B"), FactorLayout.transpose(FactorLayout.rows(a, FactorLayout.inverse(slow), scope), scope));
        }
        SafetensorsWriter.write(folder.resolve("adapter_model.safetensors"), old, Map.of());
        assertThat(error("experts", folder, MoeOrientation.AUTO)).isLessThan(1e-6);
    }

    @Test
    void kasaFoldsItsDiagonal() throws IOException {
        changed("modules-to-save", (key, tensor) -> tensor, "\"r\": 2", "\"r\": 2");
        Safetensors file = Safetensors.open(folder.resolve("adapter_model.safetensors"), scope);
        Map<String, Tensor> tensors = new TreeMap<>();
        for (String key : file.names()) {
            tensors.put(key, file.find(key));
            if (key.endsWith("lora_B.weight")) {
                tensors.put(key.replace("lora_B.weight", "lora_diag"), Tensor.of(new float[] {2, 0.5f}, 2));
                tensors.put(key, FactorLayout.scaleColumns(file.find(key), new float[] {0.5f, 2}, scope));
            }
        }
        SafetensorsWriter.write(folder.resolve("adapter_model.safetensors"), tensors, Map.of());
        assertThat(error("modules-to-save", folder, MoeOrientation.AUTO)).isLessThan(1e-6);
    }

    @Test
    void whatWritesBackReadsBack() throws IOException {
        for (String name : new String[] {"dora", "embedding", "experts", "experts-square"}) {
            AdapterBase base = AdapterEffect.base(open(name, "base.safetensors"));
            Adapter adapter = PeftReader.read(GOLDEN.resolve(name), base, MoeOrientation.AUTO, scope);
            PeftWriter.write(adapter, "tiny", base.modules().keySet(), folder.resolve(name));
            assertThat(PeftReader.read(folder.resolve(name), base, MoeOrientation.AUTO, scope).hash()).isEqualTo(adapter.hash());
        }
        for (String name : new String[] {"experts", "experts-square"}) {
            assertThat(error(name, folder.resolve(name), MoeOrientation.AUTO)).isLessThan(1e-6);
        }
        AdapterBase base = AdapterEffect.base(open("tokens", "base.safetensors"));
        Adapter tokens = PeftReader.read(GOLDEN.resolve("tokens"), base, MoeOrientation.AUTO, scope);
        assertThatThrownBy(() -> PeftWriter.write(tokens, "tiny", base.modules().keySet(), folder.resolve("tokens")))
                .hasMessageContaining("rows of embed_tokens are replaced");
    }

    private interface Change {
        Tensor apply(String key, Tensor tensor);
    }

    private void changed(String name, Change change, String text, String replacement) throws IOException {
        String config = Files.readString(GOLDEN.resolve(name).resolve("adapter_config.json"));
        assertThat(config).contains(text);
        Files.writeString(folder.resolve("adapter_config.json"), config.replace(text, replacement));
        Safetensors file = Safetensors.open(GOLDEN.resolve(name).resolve("adapter_model.safetensors"), scope);
        Map<String, Tensor> tensors = new TreeMap<>();
        for (String key : file.names()) tensors.put(key, change.apply(key, file.find(key)));
        SafetensorsWriter.write(folder.resolve("adapter_model.safetensors"), tensors, Map.of());
    }

    /// B with its columns ordered as if the expert were slowest.
    private Tensor shuffled(Tensor b) {
        int[] order = new int[b.cols()];
        for (int i = 0; i < order.length; i++) order[i] = i % 2 * 3 + i / 2;
        return FactorLayout.columns(b, order, scope);
    }
}
