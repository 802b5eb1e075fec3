// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import java.util.List;
import java.util.SplittableRandom;

/// A finite set of samples repeated without end, each epoch in its own order: permutation(seed, epoch).
public final class Epochs implements ExampleSource {
    private final List<Example> samples;
    private final String identity;
    private final long seed;
    private long shuffledEpoch = -1;
    private int[] order;

    /// `identity` names the content of `samples`; the list must not be empty.
    public Epochs(List<Example> samples, String identity, long seed) {
        if (samples.isEmpty()) throw new IllegalArgumentException("no samples");
        this.samples = List.copyOf(samples);
        this.identity = identity;
        this.seed = seed;
    }

    @Override
    public Example at(long position) {
        long epoch = position / samples.size();
        if (epoch != shuffledEpoch) shuffle(epoch);
        return samples.get(order[(int) (position % samples.size())]);
    }

    @Override
    public long epochSize() {
        return samples.size();
    }

    @Override
    public String identity() {
        return identity + ":seed=" + seed;
    }

    private void shuffle(long epoch) {
        SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + epoch);
        order = new int[samples.size()];
        for (int i = 0; i < order.length; i++) {
            int j = random.nextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        shuffledEpoch = epoch;
    }
}
