// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import dev.stoa.cache.CacheLayout;
import dev.stoa.cache.CacheStack;
import dev.stoa.kernel.KernelProvider;
import dev.stoa.kernel.Kernels;
import dev.stoa.nn.RopeSpec;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Caches that forget: a window's ring has the bits of a cache that keeps everything, a rotating one shows exactly the first
/// tokens and the newest, and neither depends on how the sequence was cut.
class CacheModesTest {
    private static final int HIDDEN = 24;
    private static final RopeSpec ROPE = new RopeSpec(new double[] {1, 0.3, 0.1, 0.01}, 1);

    private static MixerConfig config(Map<String, Object> values) {
        return new MixerConfig(HIDDEN, 4, 2, 8, 1e-5f, ROPE, values);
    }

    private static float[][] inChunks(MixerRun run, float[][] x, int chunk, CacheStack state) {
        float[][] out = new float[x.length][];
        for (int from = 0; from < x.length; from += chunk) {
            int to = Math.min(x.length, from + chunk);
            System.arraycopy(run.run(x, from, to, state), 0, out, from, to - from);
        }
        return out;
    }

    @ParameterizedTest
    @CsvSource({"auto,1", "auto,5", "auto,40", "auto,64", "auto,65", "scalar,5", "scalar,70"})
    void aRingHasTheBitsOfAFullCache(String provider, int window) {
        try (Kernels kernels = KernelProvider.open(provider, 2)) {
            MixerRun run = new MixerRun("sliding_attention", config(Map.of("window", window)), kernels, 3);
            float[][] x = MixerRun.input(330, HIDDEN, 4);
            try (CacheStack full = run.state(x.length)) {
                float[][] expected = inChunks(run, x, 32, full);
                for (int chunk : new int[] {1, 7, 32}) {
                    try (CacheStack ring = run.state(new CacheLayout("auto", x.length, 32, 1000))) {
                        assertThat(ring.bytes()).isLessThan(full.bytes() * (window + 32 + 96) / x.length + 1);
                        assertThat(inChunks(run, x, chunk, ring)).as("chunks of %d", chunk).isDeepEqualTo(expected);
                        ring.truncate(0);
                        assertThat(inChunks(run, x, chunk, ring)).as("used again").isDeepEqualTo(expected);
                    }
                }
            }
            // The mutant: a window that is one short would be noticed.
            MixerRun shorter = new MixerRun("sliding_attention", config(Map.of("window", window + 1)), kernels, 3);
            try (CacheStack full = run.state(100); CacheStack other = shorter.state(new CacheLayout("auto", 100, 32, 1000))) {
                assertThat(inChunks(shorter, Arrays.copyOf(x, 100), 7, other)).isNotEqualTo(inChunks(run, Arrays.copyOf(x, 100), 7, full));
            }
        }
    }

    @Test
    void anUncommittedPassLeavesARingAsItWas() {
        try (Kernels kernels = KernelProvider.open("auto", 1)) {
            MixerRun run = new MixerRun("sliding_attention", config(Map.of("window", 9)), kernels, 3);
            float[][] x = MixerRun.input(300, HIDDEN, 4);
            float[][] other = MixerRun.input(32, HIDDEN, 5);
            try (CacheStack full = run.state(300); CacheStack ring = run.state(new CacheLayout("auto", 300, 32, 1000))) {
                float[][] expected = inChunks(run, x, 32, full);
                for (int from = 0; from < 300; from += 20) {
                    run.step(new float[][][] {other}, new int[] {from}, new CacheStack[] {ring});
                    assertThat(run.run(x, from, from + 20, ring)).isDeepEqualTo(Arrays.copyOfRange(expected, from, from + 20));
                }
                assertThatThrownBy(() -> ring.truncate(30)).isInstanceOf(IllegalStateException.class);
                ring.truncate(295);
                assertThat(run.run(x, 295, 300, ring)).isDeepEqualTo(Arrays.copyOfRange(expected, 295, 300));
                assertThatThrownBy(() -> run.step(new float[][][] {MixerRun.input(150, HIDDEN, 6)}, new int[] {300}, new CacheStack[] {ring}))
                        .hasMessageContaining("more than a pass");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {6, 16, 80})
    void rotatingShowsTheFirstTokensAndTheNewest(int context) {
        try (Kernels kernels = KernelProvider.open("auto", 2)) {
            MixerRun run = new MixerRun("full_attention", config(Map.of("rotating", context - CacheLayout.KEEP, "rotating_keep", CacheLayout.KEEP)), kernels, 3);
            float[][] x = MixerRun.input(330, HIDDEN, 4);
            double[][] truth = new MixerOracle("full_attention", run, "").run(x);
            float[][] expected = null;
            for (int chunk : new int[] {32, 7, 1}) {
                try (CacheStack rotating = run.state(new CacheLayout("rotating", x.length, 32, context))) {
                    float[][] ours = inChunks(run, x, chunk, rotating);
                    if (expected == null) expected = ours;
                    assertThat(ours).as("chunks of %d", chunk).isDeepEqualTo(expected);
                    assertThat(worst(ours, truth)).isLessThan(1e-4);
                }
            }
            for (String mutant : new String[] {"window one too long", "window ignored", "kept tokens dropped"}) {
                assertThat(worst(expected, new MixerOracle("full_attention", run, mutant).run(x))).as(mutant).isGreaterThan(1e-3);
            }
        }
    }

    private static double worst(float[][] ours, double[][] truth) {
        double worst = 0;
        for (int t = 0; t < ours.length; t++) for (int i = 0; i < ours[t].length; i++) worst = Math.max(worst, Math.abs(ours[t][i] - truth[t][i]));
        return worst;
    }

    @Test
    void kindsWithoutACacheOfTheModeAreRefused() {
        try (Kernels kernels = KernelProvider.open("auto", 1)) {
            MixerRun run = new MixerRun("mla", new MixerConfig(HIDDEN, 2, 2, 6, 1e-5f, null,
                    Map.of("q_lora_rank", 7.0, "kv_lora_rank", 8.0, "v_head_dim", 4.0)), kernels, 3);
            assertThatThrownBy(() -> run.state(new CacheLayout("rotating", 100, 32, 16))).isInstanceOf(FaultException.class)
                    .hasMessageContaining("latent/rotating").hasMessageContaining("kv/rotating");
            assertThatThrownBy(() -> new CacheLayout("paged", 100, 32, 16)).isInstanceOf(FaultException.class).hasMessageContaining("bounded");
        }
    }
}
