// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.PeftWriter;
import dev.stoa.adapter.TargetId;
import dev.stoa.format.Safetensors;
import dev.stoa.format.SafetensorsWriter;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class HealthTest {
    private static final String Q = "self_attn.q_proj";
    private static final String UP = "mlp.up_proj";
    private static final String PREFIX = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
    private static final int IN = 16;
    private static final int OUT = 12;
    private static final int RANK = 4;

    @TempDir
    Path directory;

    private Path healthy;

    @BeforeEach
    void writeHealthyAdapter() throws IOException {
        healthy = write("healthy", GateFixture.random(1, 2, RANK, IN, OUT, Q, UP));
    }

    private Path write(String name, Adapter adapter) throws IOException {
        Path target = directory.resolve(name);
        List<String> modules = adapter.entries().keySet().stream().map(TargetId::path).toList();
        PeftWriter.write(adapter, "base", modules, target);
        return target;
    }

    /// A copy of the healthy directory with its tensors changed.
    private Path copy(String name, Consumer<Map<String, Tensor>> change) throws IOException {
        Path target = Files.createDirectory(directory.resolve(name));
        Files.copy(healthy.resolve("adapter_config.json"), target.resolve("adapter_config.json"));
        try (Scope scope = new Ledger().scope("test")) {
            Safetensors file = Safetensors.open(healthy.resolve("adapter_model.safetensors"), scope);
            Map<String, Tensor> tensors = new HashMap<>();
            for (String key : file.names()) tensors.put(key, Tensor.of(file.find(key).toArray(), file.find(key)
                    .shape()));
            change.accept(tensors);
            SafetensorsWriter.write(target.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        return target;
    }

    private static HealthReport check(Path path) throws IOException {
        return Health.check(path, base(1), Health.Options.STRICT);
    }

    /// A base that fits, whose weights have Frobenius norm `norm` times that of a typical update here.
    private static Health.Base base(double norm) {
        Map<String, long[]> shapes = new TreeMap<>();
        for (int layer = 0; layer < 2; layer++) for (String m : List.of(Q, UP)) shapes.put("layers." + layer + "." + m,
                new long[] {OUT, IN});
        float[] weight = new float[OUT * IN];
        Arrays.fill(weight, (float) (norm * 10));
        return new Health.Base("b".repeat(64), shapes, path -> Tensor.of(weight, OUT, IN));
    }

    private static void unhealthy(HealthReport report, String because) {
        assertThat(report.healthy()).isFalse();
        assertThat(report.exitCode()).isEqualTo(1);
        assertThat(report.failures()).anySatisfy(failure -> assertThat(failure).contains(because));
    }

    @Test
    void aTrainedAdapterIsHealthyOnDiskAndInMemory() throws IOException {
        HealthReport report = check(healthy);
        assertThat(report.failures()).isEmpty();
        assertThat(report.warnings()).isEmpty();
        assertThat(report.healthy()).isTrue();
        assertThat(report.totalLoraB()).isEqualTo(4);
        assertThat(report.zeroLoraB()).isZero();
        assertThat(report.modules()).hasSize(4).allSatisfy(module -> assertThat(module.relNorm()).isBetween(.01, .3));
        HealthReport memory = Health.check(GateFixture.random(1, 2, RANK, IN, OUT, Q, UP), base(1),
                Health.Options.STRICT);
        assertThat(memory).isEqualTo(report);
    }

    @Test
    void anUntrainedAdapterFails() throws IOException {
        Path path = copy("untrained", tensors -> tensors.replaceAll((key, tensor) ->
                key.contains("lora_B") ? Tensor.of(new float[(int) tensor.elements()], tensor.shape()) : tensor));
        HealthReport report = check(path);
        unhealthy(report, "4 of 4 B factors are zero");
        assertThat(report.zeroLoraB()).isEqualTo(4);
        assertThat(report.maxNorm()).isZero();
        unhealthy(Health.check(path, null, new Health.Options(true, false)), "4 of 4");
    }

    /// Mutants: "all instead of any" passes this strictly; "norm of A instead of B" never sees a zero.
    @Test
    void oneZeroBOfManyFailsUnlessLenient() throws IOException {
        Path path = copy("one-zero",
                tensors -> tensors.put(PREFIX + "B.weight", Tensor.of(new float[OUT * RANK], OUT, RANK)));
        HealthReport report = check(path);
        unhealthy(report, "1 of 4 B factors are zero: layers.0.self_attn.q_proj");
        assertThat(report.zeroKeys()).containsExactly("layers.0.self_attn.q_proj");
        assertThat(report.maxNorm()).isPositive();
        HealthReport lenient = Health.check(path, null, new Health.Options(true, false));
        assertThat(lenient.healthy()).isTrue();
        assertThat(lenient.warnings()).anySatisfy(warning -> assertThat(warning).contains("1 of 4"));
        // A = 0 is no zero B
        assertThat(check(copy("zero-a",
                tensors -> tensors.put(PREFIX + "A.weight", Tensor.of(new float[RANK * IN], RANK, IN))))
                .zeroLoraB()).isZero();
    }

    @Test
    void theZeroThresholdIsInclusive() {
        for (double norm : new double[] {1e-6, 1.001e-6}) {
            float[] b = new float[OUT];
            b[3] = (float) norm;
            Adapter adapter = GateFixture.adapter(Map.of("layers.0." + Q,
                    GateFixture.delta(1, IN, OUT, 1, GateFixture.values(new SplittableRandom(1), IN), b)));
            HealthReport report = Health.check(adapter, null, Health.Options.STRICT);
            assertThat(report.zeroLoraB()).isEqualTo((double) b[3] <= 1e-6 ? 1 : 0);
            assertThat(report.maxNorm()).isEqualTo(b[3]);
        }
    }

    @Test
    void oneValueThatIsNoNumberFails() throws IOException {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            for (String side : List.of("A", "B")) {
                Path path = copy("bad-" + side + bad, tensors -> tensors.get(PREFIX + side + ".weight").set(5, bad));
                HealthReport report = check(path);
                unhealthy(report, "NaN or infinity");
                assertThat(report.nonFinite()).isEqualTo(1);
                assertThat(report.modules()).filteredOn(module -> module.norm() == null).hasSize(1);
                assertThat(Health.check(path, null, new Health.Options(true, false)).healthy()).isFalse();
            }
        }
    }

    @Test
    void aFactorWithoutItsPartnerFails() throws IOException {
        for (String side : List.of("A", "B")) {
            HealthReport report = check(copy("without-" + side, tensors -> tensors.remove(PREFIX + side + ".weight")));
            unhealthy(report, "layers.0.self_attn.q_proj.lora_" + side + " is missing");
            assertThat(report.missingPartners()).containsExactly("layers.0.self_attn.q_proj.lora_" + side);
        }
        HealthReport none = check(copy("no-b", tensors -> tensors.keySet().removeIf(key -> key.contains("lora_B"))));
        unhealthy(none, "no lora_B at all");
        assertThat(none.maxNorm()).isNull();
        assertThat(none.meanNorm()).isNull();
    }

    @Test
    void swappedFactorsFail() throws IOException {
        unhealthy(check(copy("swapped", HealthTest::swap)), "are not a pair");
        // On a square layer the factors still multiply; the rank of the configuration gives them away.
        healthy = write("square", GateFixture.random(2, 1, RANK, IN, IN, Q));
        unhealthy(Health.check(copy("swapped-square", HealthTest::swap), null, Health.Options.STRICT),
                "have rank 16, the configuration says 4");
    }

    private static void swap(Map<String, Tensor> tensors) {
        Tensor a = tensors.get(PREFIX + "A.weight");
        tensors.put(PREFIX + "A.weight", tensors.put(PREFIX + "B.weight", a));
    }

    /// With r = in = out both products are legal; only the names can tell which dialect, and so which product, is
    /// meant.
    @Test
    void anotherDialectIsSeenByItsNamesWhereShapesCannotTell() throws IOException {
        healthy = write("all-square", GateFixture.random(3, 1, 4, 4, 4, Q));
        HealthReport report = Health.check(copy("mlx", tensors -> {
            tensors.put("model.layers.0.self_attn.q_proj.lora_a", tensors.remove(PREFIX + "A.weight"));
            tensors.put("model.layers.0.self_attn.q_proj.lora_b", tensors.remove(PREFIX + "B.weight"));
        }), null, Health.Options.STRICT);
        unhealthy(report, "model.layers.0.self_attn.q_proj.lora_a is not a PEFT factor");
        unhealthy(report, "no lora_B at all");
    }

    @Test
    void theBaseMustBeTheOneItWasMadeFor() throws IOException {
        Adapter adapter = GateFixture.random(1, 2, RANK, IN, OUT, Q, UP);
        Adapter bound = new Adapter(adapter.hash(), "c".repeat(64), adapter.entries());
        unhealthy(Health.check(bound, base(1), Health.Options.STRICT), "made for base ccc");
        unhealthy(Health.check(GateFixture.random(1, 1, RANK, IN + 1, OUT, Q), base(1), Health.Options.STRICT),
                "do not fit the base");
        unhealthy(Health.check(GateFixture.random(1, 3, RANK, IN, OUT, Q), base(1), Health.Options.STRICT),
                "layers.2.self_attn.q_proj: the base has no such linear layer");
    }

    @Test
    void theSizeOfTheUpdateAgainstItsWeightWarnsThenFails() {
        Adapter adapter = GateFixture.random(1, 2, RANK, IN, OUT, Q, UP);
        double typical = Health.check(adapter, base(1), Health.Options.STRICT).modules().getFirst().relNorm();
        HealthReport warned = Health.check(adapter, base(typical / .4), Health.Options.STRICT);
        assertThat(warned.healthy()).isTrue();
        assertThat(warned.warnings()).anySatisfy(warning -> assertThat(warning).contains("outside [1.0E-4, 0.3]"));
        unhealthy(Health.check(adapter, base(typical / .6), Health.Options.STRICT), "more than 0.5");
        assertThat(Health.check(adapter, base(typical / 5e-5), Health.Options.STRICT).warnings()).isNotEmpty();
        assertThat(Health.check(adapter, new Health.Base("b", base(1).shapes(), null), Health.Options.STRICT).modules())
                .allSatisfy(module -> assertThat(module.relNorm()).isNull());
    }

    @Test
    void aCollapsedUpdateWarns() {
        float[] a = GateFixture.values(new SplittableRandom(4), RANK * IN);
        float[] b = new float[OUT * RANK];
        for (int o = 0; o < OUT; o++) b[o * RANK] = o + 1; // only the first of four directions is used
        HealthReport report = Health.check(GateFixture.adapter(Map.of("layers.0." + Q,
                GateFixture.delta(RANK, IN, OUT, 1, a, b))), null, Health.Options.STRICT);
        assertThat(report.healthy()).isTrue();
        assertThat(report.modules().getFirst().effectiveRank()).isEqualTo(1, within(1e-9));
        assertThat(report.warnings()).anySatisfy(warning -> assertThat(warning).contains("stable rank 1.000"));
        assertThat(report.warnings()).noneSatisfy(warning -> assertThat(warning).contains("effective rank"));
        float[] wide = GateFixture.values(new SplittableRandom(5), 8 * IN);
        float[] narrow = new float[OUT * 8];
        for (int o = 0; o < OUT; o++) narrow[o * 8] = o + 1;
        assertThat(Health.check(GateFixture.adapter(Map.of("layers.0." + Q,
                GateFixture.delta(8, IN, OUT, 1, wide, narrow))), null,
                Health.Options.STRICT).warnings())
                .anySatisfy(warning -> assertThat(warning).contains("effective rank 1.00 of 8"));
    }

    /// Mutant "skip 3-D": a stack whose slices are not looked at has no norm and no zero slice.
    @Test
    void aDeadExpertOfAStackWarnsAndHalfOfThemFail() {
        for (int dead = 0; dead <= 4; dead++) {
            float[] a = GateFixture.values(new SplittableRandom(6), 4 * RANK * IN);
            float[] b = GateFixture.values(new SplittableRandom(7), 4 * OUT * RANK);
            Arrays.fill(b, 0, dead * OUT * RANK, 0);
            HealthReport report = stack(a, b, Health.Options.STRICT);
            assertThat(report.modules()).hasSize(4).extracting(HealthReport.ModuleHealth::key)
                    .contains("layers.0.mlp.up_proj[3]");
            assertThat(report.zeroExpertSlices()).isEqualTo(dead);
            assertThat(report.healthy()).isEqualTo(dead <= 2);
            assertThat(report.warnings().isEmpty()).isEqualTo(dead == 0 || dead > 2);
            assertThat(report.zeroLoraB()).isEqualTo(dead == 4 ? 1 : 0);
            assertThat(stack(a, b, new Health.Options(false, true)).healthy()).isEqualTo(dead == 0);
        }
    }

    private HealthReport stack(float[] a, float[] b, Health.Options options) {
        try {
            Path path = Files.createTempDirectory(directory, "stack");
            Files.copy(healthy.resolve("adapter_config.json"), path.resolve("adapter_config.json"));
            SafetensorsWriter.write(path.resolve("adapter_model.safetensors"), Map.of(
                    "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", Tensor.of(a, 4, RANK, IN),
                    "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight", Tensor.of(b, 4, OUT, RANK)), Map.of());
            return Health.check(path, null, options);
        } catch (IOException failed) {
            throw new IllegalStateException(failed);
        }
    }

    @Test
    void normsAndRanksEqualADenseSvd() throws Exception {
        for (JsonNode fixture : ForgettingTest.golden()) {
            Delta delta = ForgettingTest.delta(fixture.get("new").get(0));
            HealthReport.ModuleHealth got = Health.check(GateFixture.adapter(Map.of("layers.0." + Q, delta)), null,
                    Health.Options.STRICT).modules().getFirst();
            JsonNode expected = fixture.get("ranks");
            assertThat(got.norm()).isEqualTo(expected.get("norm").asDouble(), within(1e-9 * got.norm()));
            assertThat(got.effectiveRank()).isEqualTo(expected.get("effective_rank").asDouble(), within(1e-9));
            assertThat(got.stableRank()).isEqualTo(expected.get("stable_rank").asDouble(), within(1e-9));
        }
    }

    @Test
    void aDirectoryThatCannotBeReadIsAFault() throws IOException {
        assertThatThrownBy(() -> check(directory.resolve("absent"))).isInstanceOf(FaultException.class);
        Path torn = copy("torn", tensors -> {});
        byte[] bytes = Files.readAllBytes(torn.resolve("adapter_model.safetensors"));
        Files.write(torn.resolve("adapter_model.safetensors"), Arrays.copyOf(bytes, bytes.length - 9));
        assertThatThrownBy(() -> check(torn)).isInstanceOf(FaultException.class);
    }
}
