// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.EngineFault;
import dev.stoa.FaultException;
import dev.stoa.format.Json;
import dev.stoa.format.Safetensors;
import dev.stoa.quant.Quant;
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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Against directories that PEFT saved and the dense updates PEFT gives them (tools/golden/adapters.py).
class PeftGoldenTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden/adapter");
    private static final Map<String, long[]> BASE = base();
    private final Scope scope = new Ledger().scope("test");

    @TempDir
    Path folder;

    private static Map<String, long[]> base() {
        Map<String, long[]> shapes = new TreeMap<>();
        for (int layer = 0; layer < 2; layer++) {
            String prefix = "layers." + layer + ".";
            for (String square : new String[] {"q_proj", "o_proj"}) shapes.put(prefix + "self_attn." + square, new long[] {8, 8});
            for (String narrow : new String[] {"k_proj", "v_proj"}) shapes.put(prefix + "self_attn." + narrow, new long[] {4, 8});
            for (String wide : new String[] {"gate_proj", "up_proj"}) shapes.put(prefix + "mlp." + wide, new long[] {10, 8});
            shapes.put(prefix + "mlp.down_proj", new long[] {8, 10});
        }
        shapes.put("lm_head", new long[] {12, 8});
        return shapes;
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "patterns", "rslora", "one-layer", "half", "named", "transposed"})
    void denseUpdatesScalesAndHashEqualPeft(String name) throws IOException {
        Adapter adapter = PeftReader.read(GOLDEN.resolve(name), BASE, scope);
        JsonNode expected = Json.readObject(GOLDEN.resolve("expected.json"), 1 << 20, EngineFault.ADAPTER_INVALID).get(name);
        Safetensors updates = Safetensors.open(GOLDEN.resolve(name).resolve("expected.safetensors"), scope);
        assertThat(adapter.entries().keySet().stream().map(TargetId::path)).containsExactlyInAnyOrderElementsOf(updates.names());
        adapter.entries().forEach((target, delta) -> {
            assertThat(((Delta.LowRank) delta).scale()).as(target.path()).isCloseTo(expected.get("scales").get(target.path()).doubleValue(), within(1e-15));
            // PEFT multiplies in the adapter's own type, which for 16 bits rounds the product.
            assertThat(error((Delta.LowRank) delta, updates.find(target.path()))).as(target.path()).isLessThan(name.equals("half") ? 4e-3 : 1e-6);
        });
        assertThat(adapter.hash()).isEqualTo(expected.get("adapter_hash").stringValue());
    }

    /// What the test above would let pass if it did not look closely: each of these readings is far from PEFT's.
    @ParameterizedTest
    @CsvSource({"patterns, \"rank_pattern\": {, \"unread\": {", "patterns, \"alpha_pattern\": {, \"unread\": {",
            "rslora, \"use_rslora\": true, \"use_rslora\": false"})
    void forgettingASettingWouldBeNoticed(String name, String setting, String without) throws IOException {
        copy(GOLDEN.resolve(name));
        Path config = folder.resolve("adapter_config.json");
        String text = Files.readString(config);
        assertThat(text).contains(setting);
        String changed = text.replace(setting, without).replaceAll("\"unread\": \\{[^}]*\\},", "");
        Files.writeString(config, changed);
        Safetensors updates = Safetensors.open(GOLDEN.resolve(name).resolve("expected.safetensors"), scope);
        double worst = 0;
        try {
            for (Map.Entry<TargetId, Delta> entry : PeftReader.read(folder, BASE, scope).entries().entrySet()) {
                worst = Math.max(worst, error((Delta.LowRank) entry.getValue(), updates.find(entry.getKey().path())));
            }
        } catch (FaultException refused) {
            worst = 1;
        }
        assertThat(worst).isGreaterThan(0.1);
    }

    @ParameterizedTest
    @CsvSource({"pissa, it changed the base"})
    void whatIsNotSupportedIsRefusedWithItsReason(String name, String reason) {
        assertThatThrownBy(() -> PeftReader.read(GOLDEN.resolve(name), BASE, scope)).isInstanceOf(FaultException.class)
                .hasMessageContaining(reason);
    }

    /// PiSSA with its initial adapter is the plain adapter that PEFT makes of both; forgetting to subtract is far from it.
    @Test
    void anInitialAdapterIsSubtracted() throws IOException {
        Path place = GOLDEN.resolve("pissa-trained");
        AdapterBase base = AdapterBase.ofModules(BASE);
        ReadOptions beside = new ReadOptions(PeftReader.MoeOrientation.AUTO, place.resolve("initial"));
        Adapter ours = PeftReader.read(place.resolve("trained"), base, beside, scope);
        Adapter theirs = PeftReader.read(place.resolve("plain"), BASE, scope);
        assertThat(ours.entries().keySet()).isEqualTo(theirs.entries().keySet()).hasSize(6);
        Adapter swapped = PeftReader.read(place.resolve("initial"), base, new ReadOptions(PeftReader.MoeOrientation.AUTO, place.resolve("trained")), scope);
        ours.entries().forEach((target, delta) -> {
            Delta.LowRank plain = (Delta.LowRank) theirs.entries().get(target);
            assertThat(((Delta.LowRank) delta).rank()).isEqualTo(plain.rank()).isEqualTo(4);
            assertThat(((Delta.LowRank) delta).scale()).isEqualTo(plain.scale());
            assertThat(distance((Delta.LowRank) delta, plain)).as(target.path()).isLessThan(1e-6);
            assertThat(distance((Delta.LowRank) swapped.entries().get(target), plain)).as(target.path()).isGreaterThan(0.5);
        });
        assertThatThrownBy(() -> PeftReader.read(place.resolve("trained"), base, new ReadOptions(PeftReader.MoeOrientation.AUTO, GOLDEN.resolve("plain")), scope))
                .hasMessageContaining("not the one this adapter began as");
        assertThatThrownBy(() -> PeftReader.read(place.resolve("trained"), BASE, scope)).hasMessageContaining("--initial-adapter");
    }

    /// Relative distance of two dense updates.
    private static double distance(Delta.LowRank one, Delta.LowRank two) {
        float[][] factors = {dev.stoa.quant.Quant.decode(one.a()), dev.stoa.quant.Quant.decode(one.b()), dev.stoa.quant.Quant.decode(two.a()), dev.stoa.quant.Quant.decode(two.b())};
        int inputs = one.a().cols();
        double difference = 0;
        double norm = 0;
        for (int n = 0; n < one.b().rows(); n++) {
            for (int k = 0; k < inputs; k++) {
                double p = 0;
                double q = 0;
                for (int r = 0; r < one.rank(); r++) p += one.scale() * factors[1][n * one.rank() + r] * factors[0][r * inputs + k];
                for (int r = 0; r < two.rank(); r++) q += two.scale() * factors[3][n * two.rank() + r] * factors[2][r * inputs + k];
                difference += (p - q) * (p - q);
                norm += q * q;
            }
        }
        return Math.sqrt(difference / norm);
    }

    @Test
    void oneKeyTooManyIsNamed() throws IOException {
        copy(GOLDEN.resolve("plain"));
        Safetensors file = Safetensors.open(folder.resolve("adapter_model.safetensors"), scope);
        Map<String, Tensor> tensors = new TreeMap<>();
        for (String name : file.names()) tensors.put(name, file.find(name));
        tensors.put("base_model.model.model.layers.0.mlp.down_proj.lora_C.weight", scope.f32(1, 1));
        tensors.put("base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight", scope.f32(2, 8));
        tensors.put("base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_B.weight", scope.f32(8, 2));
        dev.stoa.format.SafetensorsWriter.write(folder.resolve("adapter_model.safetensors"), tensors, Map.of());
        assertThatThrownBy(() -> PeftReader.read(folder, BASE, scope)).hasMessageContaining("down_proj.lora_C.weight F32[1, 1]: not a LoRA factor")
                .hasMessageContaining("two pairs of tensors name the layer layers.0.self_attn.q_proj");
    }

    /// `adapters.py --check` loads the checked-in directories with PEFT; here we show that we still write their bytes.
    @ParameterizedTest
    @ValueSource(strings = {"plain", "patterns", "rslora", "one-layer", "half"})
    void writesWhatPeftHasLoaded(String name) throws IOException {
        Adapter adapter = PeftReader.read(GOLDEN.resolve(name), BASE, scope);
        Path ours = folder.resolve("ours");
        PeftWriter.write(adapter, "tiny", BASE.keySet(), ours);
        Path checked = GOLDEN.resolve("ours-" + name);
        for (String file : new String[] {"adapter_config.json", "adapter_model.safetensors"}) {
            if (System.getProperty("stoa.rewrite") != null) {
                Files.createDirectories(checked);
                Files.copy(ours.resolve(file), checked.resolve(file), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            }
            assertThat(ours.resolve(file)).hasSameBinaryContentAs(checked.resolve(file));
        }
        Adapter again = PeftReader.read(ours, BASE, scope);
        boolean integralScales = !name.equals("rslora");
        if (integralScales) assertThat(again.hash()).isEqualTo(adapter.hash());
    }

    private void copy(Path from) throws IOException {
        for (String file : new String[] {"adapter_config.json", "adapter_model.safetensors"}) {
            Files.copy(from.resolve(file), folder.resolve(file));
        }
    }

    /// Relative Frobenius error of scale * B * A.
    private static double error(Delta.LowRank delta, Tensor expected) {
        float[] a = Quant.decode(delta.a());
        float[] b = Quant.decode(delta.b());
        double error = 0;
        double norm = 0;
        int inputs = delta.a().cols();
        for (int out = 0; out < delta.b().rows(); out++) {
            for (int in = 0; in < inputs; in++) {
                double sum = 0;
                for (int k = 0; k < delta.rank(); k++) sum += (double) b[out * delta.rank() + k] * a[k * inputs + in];
                float want = expected.get((long) out * inputs + in);
                error += Math.pow(delta.scale() * sum - want, 2);
                norm += want * want;
            }
        }
        return Math.sqrt(error / norm);
    }
}
