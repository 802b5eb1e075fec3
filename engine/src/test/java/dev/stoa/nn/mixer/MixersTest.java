// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.cache.CacheStack;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.nn.RopeSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every registered mixer against its float64 oracle, against itself under every cut, and its oracle against planted
/// mistakes.
class MixersTest {
    private static final int HIDDEN = 24;
    private static final int LENGTH = 23;
    private static final RopeSpec ROPE = new RopeSpec(new double[] {1, 0.3, 0.1}, 1);
    private static Kernels kernels;

    record Case(String kind, MixerConfig config, List<String> mutants) {
        @Override
        public String toString() {
            return kind + " " + config.values();
        }
    }

    private static Case of(String kind, int heads, int kvHeads, RopeSpec rope, Map<String, Object> values, String... mutants) {
        return new Case(kind, new MixerConfig(HIDDEN, heads, kvHeads, 6, 1e-5f, rope, values), List.of(mutants));
    }

    static List<Case> cases() {
        return List.of(
                of("full_attention", 4, 2, ROPE, Map.of(), "sees the future", "kv heads strided", "interleaved heads", "positions ignored"),
                of("sliding_attention", 4, 2, ROPE, Map.of("window", 5.0), "window ignored", "window one too long", "kv heads strided"),
                of("retnet", 3, 3, null, Map.of(), "no decay", "decay of next head", "query not scaled", "interleaved heads"),
                of("retnet", 4, 2, null, Map.of("group_norm", true, "output_gate", true, "value_head_dim", 8.0), "norm dropped", "silu dropped", "no decay"),
                of("gla", 2, 2, null, Map.of("gate_logit_normalizer", 4.0), "normalizer ignored", "query not scaled", "interleaved heads"),
                of("deltanet", 3, 3, null, Map.of(), "read before write", "keys not normalized", "rate ignored", "interleaved heads"),
                of("gated_deltanet", 4, 2, null, Map.of("value_head_dim", 5.0, "conv_kernel", 3.0), "read before write", "decay after the read",
                        "queries not normalized", "gate before norm", "heads tiled", "convolution reversed"),
                of("gsa", 2, 2, null, Map.of("num_slots", 5.0, "gate_logit_normalizer", 2.0), "silu dropped", "slots filled whole", "normalizer ignored",
                        "interleaved heads"),
                of("nsa", 4, 2, ROPE, Map.of("block_size", 4.0, "num_selected", 2.0, "window", 3.0), "visible once started", "compressed branch dropped",
                        "keeps all blocks", "ranking leaks into scores", "partial block dropped", "interleaved heads"),
                of("nsa", 4, 2, null, Map.of("block_size", 5.0, "num_selected", 3.0, "window", 4.0, "shared_gates", true), "visible once started",
                        "keeps all blocks"),
                of("moba", 4, 2, ROPE, Map.of("block_size", 4.0, "top_k", 2.0), "keeps all blocks", "partial block dropped", "ranking leaks into scores"),
                of("moba", 2, 2, null, Map.of("block_size", 6.0, "top_k", 0.0), "keeps all blocks", "partial block dropped"),
                of("mla", 3, 3, ROPE, Map.of("q_lora_rank", 7.0, "kv_lora_rank", 8.0, "qk_nope_head_dim", 5.0, "qk_rope_head_dim", 6.0, "v_head_dim", 4.0),
                        "keys and values in blocks", "scale without rope", "positions ignored"),
                of("mla", 2, 2, null, Map.of("q_lora_rank", 7.0, "kv_lora_rank", 8.0, "separate_kv", true, "v_head_dim", 4.0)),
                of("mamba2", 4, 4, null, Map.of("state_size", 7.0, "n_groups", 2.0, "conv_kernel", 4.0), "groups reversed", "convolution reversed",
                        "norm before gate", "skip dropped"),
                of("mamba2", 4, 4, null, Map.of("state_size", 7.0, "n_groups", 2.0, "norm_before_gate", true), "norm before gate"),
                of("rwkv7", 3, 3, null, Map.of(), "a and b swapped", "r and k swapped", "interleaved heads"));
    }

    @BeforeAll
    static void open() {
        kernels = KernelProvider.open("auto", 2);
    }

    @AfterAll
    static void close() {
        kernels.close();
    }

    private static double worst(float[][] ours, double[][] truth) {
        double worst = 0;
        for (int t = 0; t < ours.length; t++) for (int i = 0; i < ours[t].length; i++) worst = Math.max(worst, Math.abs(ours[t][i] - truth[t][i]));
        // rwkv7 over random weights grows with its length: differences count against the size of the output.
        double size = 1;
        for (double[] row : truth) for (double value : row) size = Math.max(size, Math.abs(value));
        return worst / size;
    }

    @Test
    void everyRegisteredKindHasACase() {
        assertThat(cases().stream().map(Case::kind)).containsAll(MixerRegistry.installed().kinds().keySet().stream()
                .filter(kind -> !kind.startsWith("test_")).toList());
        assertThat(MixerRegistry.installed().kinds().keySet()).contains("retnet", "gla", "deltanet", "gated_deltanet", "gsa", "nsa", "moba", "mla",
                "mamba2", "rwkv7", "full_attention", "sliding_attention", "test_average");
    }

    @Test
    void twoOfOneKindAndUnknownKindsAreErrors() {
        MixerProvider one = MixerRegistry.installed().find("gla");
        assertThatThrownBy(() -> MixerRegistry.of(List.of(one, one))).isInstanceOf(FaultException.class).hasMessageContaining("gla");
        assertThatThrownBy(() -> MixerRegistry.installed().find("xlstm")).isInstanceOf(FaultException.class).hasMessageContaining("mamba2");
    }

    @Test
    void oraclesAgreeAndEveryMutantIsKilled() {
        List<String> table = new ArrayList<>();
        List<String> alive = new ArrayList<>();
        for (Case one : cases()) {
            MixerRun run = new MixerRun(one.kind, one.config, kernels, 5);
            float[][] x = MixerRun.input(LENGTH, HIDDEN, 6);
            try (CacheStack state = run.state(LENGTH)) {
                float[][] ours = run.run(x, 0, LENGTH, state);
                double residual = worst(ours, new MixerOracle(one.kind, run, "").run(x));
                assertThat(residual).as("%s against its oracle", one).isLessThan(1e-4);
                for (String mutant : one.mutants) {
                    double difference = worst(ours, new MixerOracle(one.kind, run, mutant).run(x));
                    table.add("%-18s %-28s %.2e, correct %.1e".formatted(one.kind, mutant, difference, residual));
                    if (difference < 1e-3) alive.add(one + ": " + mutant);
                }
            }
        }
        System.out.println("mixer mutants, largest difference of the output:");
        table.forEach(line -> System.out.println("  " + line));
        System.out.println("  killed " + (table.size() - alive.size()) + " of " + table.size());
        assertThat(alive).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void anyCutGivesTheSameBits(Case one) {
        MixerRun run = new MixerRun(one.kind, one.config, kernels, 7);
        float[][] x = MixerRun.input(LENGTH, HIDDEN, 8);
        try (CacheStack state = run.state(LENGTH)) {
            float[][] whole = run.run(x, 0, LENGTH, state);
            for (int cut = 1; cut < LENGTH; cut++) {
                state.truncate(0);
                float[][] first = run.run(x, 0, cut, state);
                float[][] second = run.run(x, cut, LENGTH, state);
                for (int t = 0; t < LENGTH; t++) assertThat(t < cut ? first[t] : second[t - cut]).as("cut %d, token %d", cut, t).isEqualTo(whole[t]);
            }
            state.truncate(0);
            for (int t = 0; t < LENGTH; t++) assertThat(run.run(x, t, t + 1, state)[0]).isEqualTo(whole[t]);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void laterTokensChangeNothingBefore(Case one) {
        MixerRun run = new MixerRun(one.kind, one.config, kernels, 9);
        float[][] x = MixerRun.input(LENGTH, HIDDEN, 10);
        try (CacheStack state = run.state(LENGTH)) {
            float[][] whole = run.run(x, 0, LENGTH, state);
            for (int changed : new int[] {1, 4, 7, 8, 16, LENGTH - 1}) {
                float[][] other = Arrays.stream(x).map(float[]::clone).toArray(float[][]::new);
                for (int i = 0; i < HIDDEN; i++) other[changed][i] += 3;
                state.truncate(0);
                float[][] result = run.run(other, 0, LENGTH, state);
                assertThat(Arrays.copyOf(result, changed)).isDeepEqualTo(Arrays.copyOf(whole, changed));
                assertThat(result[changed]).isNotEqualTo(whole[changed]);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void savedStatesGoOnWhereTheyWereAndOtherSequencesDoNotMatter(Case one) {
        MixerRun run = new MixerRun(one.kind, one.config, kernels, 11);
        float[][] x = MixerRun.input(LENGTH, HIDDEN, 12);
        float[][] y = MixerRun.input(LENGTH, HIDDEN, 13);
        try (CacheStack state = run.state(LENGTH); CacheStack second = run.state(LENGTH)) {
            float[][] whole = run.run(x, 0, LENGTH, state);
            state.truncate(0);
            run.run(x, 0, 9, state);
            CacheStack.Checkpoint saved = state.checkpoint();
            run.run(y, 9, LENGTH, state);
            state.restore(saved);
            float[][] rest = run.run(x, 9, LENGTH, state);
            assertThat(rest).isDeepEqualTo(Arrays.copyOfRange(whole, 9, LENGTH));
            // A pass that is never committed leaves no trace, and sequences may share a pass.
            state.truncate(0);
            run.run(x, 0, 5, state);
            run.run(y, 0, 8, second);
            run.step(new float[][][] {Arrays.copyOfRange(y, 5, 9)}, new int[] {5}, new CacheStack[] {state});
            float[][] together = run.step(new float[][][] {Arrays.copyOfRange(x, 5, LENGTH), Arrays.copyOfRange(y, 8, 12)}, new int[] {5, 8},
                    new CacheStack[] {state, second});
            assertThat(Arrays.copyOf(together, LENGTH - 5)).isDeepEqualTo(Arrays.copyOfRange(whole, 5, LENGTH));
        }
    }

    /// Long enough for three chunks and a rest, with decays from weak to strong.
    @Test
    void chunksEqualTheirOraclesAndSteps() {
        List<String> chunkable = List.of("retnet", "gla", "deltanet", "gated_deltanet", "gsa", "mamba2", "rwkv7");
        int length = 3 * Chunk.LENGTH + 9;
        for (Case one : cases()) {
            if (!chunkable.contains(one.kind)) continue;
            MixerRun stepwise = new MixerRun(one.kind, one.config, kernels, 5);
            MixerRun chunks = new MixerRun(one.kind, chunked(one.config), kernels, 5);
            float[][] x = MixerRun.input(length, HIDDEN, 6);
            double[][] truth = new MixerOracle(one.kind, stepwise, "").run(x);
            try (CacheStack a = stepwise.state(length); CacheStack b = chunks.state(length)) {
                float[][] steps = stepwise.run(x, 0, length, a);
                for (int cut : new int[] {0, 1, 63, 64, 65, 130}) {
                    b.truncate(0);
                    float[][] ours = new float[length][];
                    if (cut > 0) System.arraycopy(chunks.run(x, 0, cut, b), 0, ours, 0, cut);
                    System.arraycopy(chunks.run(x, cut, length, b), 0, ours, cut, length - cut);
                    assertThat(worst(ours, truth)).as("%s in chunks, cut at %d, against its oracle", one, cut).isLessThan(1e-4);
                    assertThat(worst(ours, wide(steps))).as("%s in chunks, cut at %d, against steps", one, cut).isLessThan(1e-4);
                    for (String mutant : one.mutants) {
                        assertThat(worst(ours, new MixerOracle(one.kind, stepwise, mutant).run(x))).as("%s in chunks: %s", one, mutant).isGreaterThan(1e-3);
                    }
                }
            }
        }
    }

    /// Tokens of the same chunk, of the next block of it, and of another chunk.
    @Test
    void laterTokensOfAChunkChangeNothingBefore() {
        int length = Chunk.LENGTH + 9;
        for (Case one : cases()) {
            if (!List.of("gsa", "rwkv7").contains(one.kind)) continue;
            MixerRun run = new MixerRun(one.kind, chunked(one.config), kernels, 9);
            float[][] x = MixerRun.input(length, HIDDEN, 10);
            try (CacheStack state = run.state(length)) {
                float[][] whole = run.run(x, 0, length, state);
                for (int changed : new int[] {1, 15, 16, 40, 63, 64, length - 1}) {
                    float[][] other = Arrays.stream(x).map(float[]::clone).toArray(float[][]::new);
                    for (int i = 0; i < HIDDEN; i++) other[changed][i] += 1;
                    state.truncate(0);
                    float[][] result = run.run(other, 0, length, state);
                    assertThat(Arrays.copyOf(result, changed)).as("%s, token %d", one, changed).isDeepEqualTo(Arrays.copyOf(whole, changed));
                    assertThat(result[changed]).isNotEqualTo(whole[changed]);
                }
            }
        }
    }

    private static MixerConfig chunked(MixerConfig c) {
        Map<String, Object> values = new java.util.HashMap<>(c.values());
        values.put("recurrence", "chunked");
        return new MixerConfig(c.hidden(), c.heads(), c.kvHeads(), c.headDim(), c.eps(), c.rope(), values);
    }

    private static double[][] wide(float[][] x) {
        double[][] wide = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) for (int i = 0; i < x[t].length; i++) wide[t][i] = x[t][i];
        return wide;
    }

    /// A chunk whose pairs decay from the wrong side would be noticed.
    @Test
    void decaysInsideAChunkAreNeverGrowth() {
        Chunk chunk = new Chunk(2, 1);
        for (int t = 0; t < 40; t++) {
            chunk.q[t][0] = chunk.q[t][1] = chunk.k[t][0] = chunk.k[t][1] = chunk.v[t][0] = 1;
            chunk.decays[t][0] = -50;
            chunk.decays[t][1] = -0.5;
        }
        float[] state = {3, 5};
        double[] s = {3, 5};
        chunk.gated(state, 40);
        for (int t = 0; t < 40; t++) {
            s[0] = Math.exp(-50) * s[0] + 1;
            s[1] = Math.exp(-0.5) * s[1] + 1;
            assertThat(chunk.o[t][0]).isCloseTo(s[0] + s[1], org.assertj.core.data.Offset.offset(1e-9));
        }
        assertThat((double) state[1]).isCloseTo(s[1], org.assertj.core.data.Offset.offset(1e-6));
    }
}
