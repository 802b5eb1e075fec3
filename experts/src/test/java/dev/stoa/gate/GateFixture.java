// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.tensor.Tensor;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// Small adapters for tests.
final class GateFixture {
    private GateFixture() {}

    static Delta.LowRank delta(int rank, int in, int out, double scale, float[] a, float[] b) {
        return new Delta.LowRank(Tensor.of(a, rank, in), Tensor.of(b, out, rank), scale);
    }

    static Delta.LowRank random(SplittableRandom random, int rank, int in, int out, double scale) {
        return delta(rank, in, out, scale, values(random, rank * in), values(random, out * rank));
    }

    static float[] values(SplittableRandom random, int n) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) values[i] = (float) random.nextDouble(-1, 1);
        return values;
    }

    /// Paths as in `layers.0.self_attn.q_proj`.
    static Adapter adapter(Map<String, Delta> entries) {
        TreeMap<TargetId, Delta> sorted = new TreeMap<>();
        entries.forEach((path, delta) -> sorted.put(TargetId.ofPath(path), delta));
        return new Adapter("0".repeat(64), null, sorted);
    }

    /// Every module of `layers` layers with random factors.
    static Adapter random(long seed, int layers, int rank, int in, int out, String... modules) {
        SplittableRandom random = new SplittableRandom(seed);
        TreeMap<String, Delta> entries = new TreeMap<>();
        for (int layer = 0; layer < layers; layer++) {
            for (String module : modules) entries.put("layers." + layer + "." + module,
                    random(random, rank, in, out, 2));
        }
        return adapter(entries);
    }

    static Adapter map(Adapter adapter, java.util.function.UnaryOperator<Delta.LowRank> change) {
        TreeMap<TargetId, Delta> changed = new TreeMap<>();
        adapter.entries().forEach((target, delta) -> changed.put(target, change.apply((Delta.LowRank) delta)));
        return new Adapter(adapter.hash(), adapter.baseHash(), changed);
    }
}
