// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.stoa.FaultException;
import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.tensor.Tensor;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ForgettingTest {
    private static final double EXACT = 1e-6;
    private static final String Q = "self_attn.q_proj";

    private static double angle(Adapter prior, Adapter fresh) {
        return Forgetting.compare(prior, fresh, null).angleDegreesMean();
    }

    @Test
    void anAdapterAgainstItselfIsAtZeroDegrees() {
        for (long seed = 0; seed < 50; seed++) {
            Adapter adapter = GateFixture.random(seed, 1 + (int) seed % 4, 3, 10, 7, Q, "mlp.up_proj");
            assertThat(Forgetting.compare(adapter, adapter, null).angleDegreesPerModule().values())
                    .allSatisfy(angle -> assertThat(angle).isBetween(0.0, EXACT));
        }
    }

    @Test
    void disjointRowsOrColumnsAreAtNinety() {
        float[] left = {1, 2, 0, 0};
        float[] right = {0, 0, 3, -1};
        float[] any = {1, -1, 2, 5};
        Adapter columns1 = single(left, any);
        Adapter columns2 = single(right, any);
        assertThat(angle(columns1, columns2)).isEqualTo(90, within(EXACT));
        assertThat(angle(single(any, left), single(any, right))).isEqualTo(90, within(EXACT));
    }

    private static Adapter single(float[] a, float[] b) {
        return GateFixture.adapter(Map.of("layers.0." + Q, GateFixture.delta(1, a.length, b.length, 1, a, b)));
    }

    @Test
    void aPlantedAngleIsReturned() {
        for (double planted : new double[] {0, 1e-5, 1e-3, 0.1, 1, 17, 30, 45, 60, 89.9, 90}) {
            // Exactly representable columns would not hit these angles, so the angle of the rounded factors is the
            // truth.
            float x = (float) Math.cos(Math.toRadians(planted));
            float y = (float) Math.sin(Math.toRadians(planted));
            double truth = Math.toDegrees(Math.atan2(y, x));
            assertThat(angle(single(new float[] {1, 0, 0}, new float[] {2, 1}),
                    single(new float[] {x, y, 0}, new float[] {2, 1})))
                    .as("%s degrees", planted).isEqualTo(truth, within(EXACT));
        }
    }

    @Test
    void aHundredFixturesAgreeWithADenseSvd() throws Exception {
        for (JsonNode fixture : golden()) {
            double got = angle(adapter(fixture.get("prior")), adapter(fixture.get("new")));
            assertThat(got).isEqualTo(fixture.get("angle").asDouble(), within(EXACT));
            assertThat(angle(adapter(fixture.get("new")), adapter(fixture.get("prior")))).isEqualTo(got, within(EXACT));
        }
    }

    static Iterable<JsonNode> golden() throws Exception {
        try (InputStream in = ForgettingTest.class.getResourceAsStream("/golden/gate-geometry.json")) {
            return JsonMapper.shared().readTree(in).get("cases");
        }
    }

    static Adapter adapter(JsonNode layers) {
        TreeMap<String, Delta> entries = new TreeMap<>();
        for (int i = 0; i < layers.size(); i++) entries.put("layers." + i + "." + Q, delta(layers.get(i)));
        return GateFixture.adapter(entries);
    }

    static Delta.LowRank delta(JsonNode factors) {
        JsonNode a = factors.get("a");
        JsonNode b = factors.get("b");
        return GateFixture.delta(a.size(), a.get(0).size(), b.size(), factors.get("scale").asDouble(), flat(a),
                flat(b));
    }

    private static float[] flat(JsonNode rows) {
        float[] values = new float[rows.size() * rows.get(0).size()];
        int at = 0;
        for (JsonNode row : rows) for (JsonNode value : row) values[at++] = (float) value.asDouble();
        return values;
    }

    /// B -> B R, A -> R^-1 A and any scale leave the update's direction as it is.
    @Test
    void theWayAnUpdateIsFactoredDoesNotMatter() {
        Adapter prior = GateFixture.random(1, 3, 2, 9, 8, Q);
        Adapter fresh = GateFixture.random(2, 3, 2, 9, 8, Q);
        double angle = angle(prior, fresh);
        Adapter gauged = GateFixture.map(fresh, delta -> {
            // R = [[2, 0], [1, 0.5]], its inverse [[0.5, 0], [-1, 2]]: exact in binary
            float[] a = delta.a().toArray();
            float[] b = delta.b().toArray();
            int in = delta.a().cols();
            float[] newA = new float[a.length];
            for (int k = 0; k < in; k++) {
                newA[k] = .5f * a[k];
                newA[in + k] = -a[k] + 2 * a[in + k];
            }
            float[] newB = new float[b.length];
            for (int o = 0; o < b.length / 2; o++) {
                newB[2 * o] = 2 * b[2 * o] + b[2 * o + 1];
                newB[2 * o + 1] = .5f * b[2 * o + 1];
            }
            return new Delta.LowRank(Tensor.of(newA, 2, in), Tensor.of(newB, b.length / 2, 2), delta.scale() * 7);
        });
        // newB and newA are rounded to float once, hence the wider tolerance.
        assertThat(angle(prior, gauged)).isEqualTo(angle, within(1e-4));
        Adapter scaled = GateFixture.map(fresh, delta -> new Delta.LowRank(delta.a(), delta.b(), delta.scale() * 64));
        assertThat(angle(prior, scaled)).isEqualTo(angle, within(EXACT));
    }

    @Test
    void zeroAndDuplicatedLayersAddNoDirection() {
        Adapter prior = GateFixture.random(3, 2, 2, 9, 8, Q);
        Adapter fresh = GateFixture.random(4, 2, 2, 9, 8, Q);
        double angle = angle(prior, fresh);
        Delta zero = GateFixture.delta(2, 9, 8, 2, new float[18], new float[16]);
        Delta some = GateFixture.random(5, 1, 2, 9, 8, Q).entries().values().iterator().next();
        Adapter priorWithZero = with(prior, "layers.2." + Q, zero);
        assertThat(angle(priorWithZero, with(fresh, "layers.2." + Q, zero))).isEqualTo(angle, within(EXACT));
        Delta copy = prior.entries().values().iterator().next();
        assertThat(angle(with(prior, "layers.2." + Q, copy), with(fresh, "layers.2." + Q, zero)))
                .isEqualTo(angle, within(EXACT));
        Adapter nothing = GateFixture.adapter(Map.of("layers.0." + Q, zero));
        ForgettingReport report = Forgetting.compare(nothing, GateFixture.adapter(Map.of("layers.0." + Q, some)), null);
        assertThat(report.angleDegreesPerModule()).containsEntry(Q, null);
        assertThat(report.angleDegreesMean()).isNull();
        assertThat(report.band()).isNull();
        assertThat(report.warning()).contains("no module");
    }

    private static Adapter with(Adapter adapter, String path, Delta delta) {
        TreeMap<String, Delta> entries = new TreeMap<>();
        adapter.entries().forEach((target, value) -> entries.put(target.path(), value));
        entries.put(path, delta);
        return GateFixture.adapter(entries);
    }

    @Test
    void layersAreAlignedByIndexAndTheRestIsListed() {
        Adapter prior = GateFixture.random(6, 2, 2, 9, 8, Q);
        TreeMap<String, Delta> shifted = new TreeMap<>();
        shifted.put("layers.1." + Q, prior.entries().values().iterator().next()); // prior's layer 0, but at index 1
        shifted.put("layers.7." + Q, GateFixture.random(9, 1, 2, 9, 8, Q).entries().values().iterator().next());
        shifted.put("lm_head", GateFixture.random(9, 1, 2, 9, 8, Q).entries().values().iterator().next());
        ForgettingReport report = Forgetting.compare(prior, GateFixture.adapter(shifted), null);
        assertThat(report.layersCompared()).containsExactly(1);
        assertThat(report.layersDropped()).containsExactlyInAnyOrder("layers.0." + Q + " (prior only)",
                "layers.7." + Q + " (new only)", "lm_head (new only)");
        // Alignment by position would compare the shared update with itself and answer 0.
        assertThat(report.angleDegreesMean()).isGreaterThan(20);
    }

    @Test
    void theMeanIsOfAnglesAndTheSmallestModuleIsNamed() {
        // 20 and 60 degrees: the mean of the angles is 40, the angle of the mean cosine would be 44.9.
        TreeMap<String, Delta> prior = new TreeMap<>();
        TreeMap<String, Delta> fresh = new TreeMap<>();
        double[] planted = {20, 60};
        for (int i = 0; i < 2; i++) {
            String path = "layers.0." + (i == 0 ? Q : "mlp.up_proj");
            float x = (float) Math.cos(Math.toRadians(planted[i]));
            float y = (float) Math.sin(Math.toRadians(planted[i]));
            prior.put(path, GateFixture.delta(1, 2, 2, 1, new float[] {1, 0}, new float[] {1, 1}));
            fresh.put(path, GateFixture.delta(1, 2, 2, 1, new float[] {x, y}, new float[] {1, 1}));
        }
        ForgettingReport report = Forgetting.compare(GateFixture.adapter(prior), GateFixture.adapter(fresh), null);
        assertThat(report.angleDegreesMean()).isEqualTo(40, within(1e-5));
        assertThat(report.minAngleModule()).isEqualTo(Q);
        assertThat(report.offendingModules()).containsExactly(Q);
        assertThat(report.band()).isEqualTo("watch");
    }

    /// Two layers per side that share one direction and differ in the other: the smallest angle is 0, the largest 90.
    @Test
    void itIsTheSmallestPrincipalAngle() {
        Delta shared = GateFixture.delta(1, 3, 1, 1, new float[] {1, 0, 0}, new float[] {1});
        Delta one = GateFixture.delta(1, 3, 1, 1, new float[] {0, 1, 0}, new float[] {1});
        Delta two = GateFixture.delta(1, 3, 1, 1, new float[] {0, 0, 1}, new float[] {1});
        Adapter prior = GateFixture.adapter(Map.of("layers.0." + Q, shared, "layers.1." + Q, one));
        Adapter fresh = GateFixture.adapter(Map.of("layers.0." + Q, two, "layers.1." + Q, shared));
        assertThat(angle(prior, fresh)).isEqualTo(0, within(EXACT));
    }

    /// A span does not change with its columns' lengths, so the scale shows only where it is 0: no update at all.
    @Test
    void aScaleOfZeroIsNoUpdate() {
        Adapter prior = GateFixture.random(10, 1, 2, 6, 6, Q);
        Delta.LowRank delta = (Delta.LowRank) prior.entries().values().iterator().next();
        Adapter off = GateFixture.adapter(Map.of("layers.0." + Q, new Delta.LowRank(delta.a(), delta.b(), 0)));
        assertThat(Forgetting.compare(prior, off, null).angleDegreesMean()).isNull();
        assertThat(Forgetting.compare(off, prior, null).angleDegreesMean()).isNull();
    }

    @Test
    void adaptersOfDifferentModelsAreRefusedWithEveryModule() {
        Adapter prior = GateFixture.random(1, 2, 2, 9, 8, Q);
        assertThatThrownBy(() -> Forgetting.compare(prior, GateFixture.random(1, 2, 2, 9, 6, Q), null))
                .isInstanceOf(FaultException.class).hasMessageContaining("layers.0." + Q + ": 8 x 9 and 6 x 9")
                .hasMessageContaining("layers.1." + Q);
    }

    @Test
    void theStatusNeedsBothALowAngleAndAFallOfEnoughProbes() {
        List<String> rows = new ArrayList<>();
        double next = 1e-9;
        for (double angle : new double[] {30 - next, 30, 30 + next}) {
            for (double drop : new double[] {.03 - next, .03, .03 + next}) {
                ForgettingReport report = ForgettingReport.of(Map.of(Q, angle), List.of(0), List.of(),
                        new Forgetting.WinRate(drop, 0, 30, null, null), Set.of());
                rows.add(report.gateStatus());
            }
        }
        assertThat(rows).containsExactly("pass", "pass", "fail", "pass", "pass", "pass", "pass", "pass", "pass");
        Forgetting.WinRate few = new Forgetting.WinRate(1, 0, 29, null, null);
        ForgettingReport partial = ForgettingReport.of(Map.of(Q, 1.0), List.of(0), List.of(), few, Set.of());
        assertThat(partial.gateStatus()).isEqualTo("angle_only_partial");
        assertThat(partial.warning()).contains("29 probes");
        assertThat(ForgettingReport.of(Map.of(Q, 1.0), List.of(0), List.of(), null, Set.of()).gateStatus())
                .isEqualTo("angle_only_partial");
    }

    @Test
    void oneLowModuleIsEnoughUnlessItIsIgnored() {
        Map<String, Double> angles = Map.of("mlp.shared_expert_gate", 17.0, Q, 88.0);
        Forgetting.WinRate fell = new Forgetting.WinRate(.9, .5, 64, .2, .6);
        ForgettingReport strict = ForgettingReport.of(angles, List.of(0), List.of(), fell, Set.of());
        assertThat(strict.gateStatus()).isEqualTo("fail");
        assertThat(strict.gateStatusAggregate()).isEqualTo("pass");
        assertThat(strict.winrateDropCi()).containsExactly(.2, .6);
        assertThat(ForgettingReport.of(angles, List.of(0), List.of(), fell, Forgetting.IGNORED).gateStatus())
                .isEqualTo("pass");
    }

    @Test
    void bandsAreStrictAboveSixtyAndBelowThirty() {
        assertThat(ForgettingReport.band(60.0)).isEqualTo("watch");
        assertThat(ForgettingReport.band(Math.nextUp(60.0))).isEqualTo("healthy");
        assertThat(ForgettingReport.band(30.0)).isEqualTo("watch");
        assertThat(ForgettingReport.band(Math.nextDown(30.0))).isEqualTo("potential");
    }
}
