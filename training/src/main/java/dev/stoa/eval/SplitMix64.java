// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// A small seeded generator (Steele, Lea, Flood 2014) keyed by a path, so that any item of any stream can be drawn on
/// its own: `SplitMix64.of(seed, "spice/test/17")`. Equal on every machine. Not thread-safe; make one per item.
public final class SplitMix64 {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private long state;

    private SplitMix64(long state) {
        this.state = state;
    }

    public static SplitMix64 of(long seed, String path) {
        return new SplitMix64(mix(seed + GOLDEN) ^ hash(path));
    }

    /// A 64-bit hash of a text, stable across machines and versions: FNV-1a over UTF-8, then the finalizer.
    public static long hash(String text) {
        long hash = 0xCBF29CE484222325L;
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) hash = (hash ^ (b & 0xFF)) * 0x100000001B3L;
        return mix(hash);
    }

    public long nextLong() {
        return mix(state += GOLDEN);
    }

    /// Uniform in [0, bound); the bias of one multiplication is below 2^-31 for the bounds used here.
    public int below(int bound) {
        if (bound <= 0) throw new IllegalArgumentException("bound must be positive: " + bound);
        return (int) ((nextLong() >>> 32) * bound >>> 32);
    }

    /// Uniform in [0, 1).
    public double uniform() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    public boolean chance(double probability) {
        return uniform() < probability;
    }

    public <T> T pick(List<T> from) {
        return from.get(below(from.size()));
    }

    /// An index drawn in proportion to its weight.
    public int weighted(double... weights) {
        double total = 0;
        for (double weight : weights) total += weight;
        double left = uniform() * total;
        for (int i = 0; i < weights.length - 1; i++) {
            left -= weights[i];
            if (left < 0) return i;
        }
        return weights.length - 1;
    }

    public <T> List<T> shuffled(List<T> from) {
        List<T> copy = new ArrayList<>(from);
        for (int i = copy.size() - 1; i > 0; i--) copy.set(i, copy.set(below(i + 1), copy.get(i)));
        return copy;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
