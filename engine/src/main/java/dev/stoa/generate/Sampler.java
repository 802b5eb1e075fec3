// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import java.util.Arrays;

/// Draws one token: temperature -> top-k -> top-p -> min-p -> draw. Each filter sees what the one before left; at
/// least one token always survives. Holds scratch space, so one instance serves one thread.
final class Sampler {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private double[] mass = {};
    private long[] heap = {};
    private int[] kept = {};

    /// The uniform number in [0, 1) at `index` of a stream: a counter, not a state, so that it depends on neither the
    /// batch nor the schedule (SplitMix64 finalizer, Steele et al. 2014).
    static double uniform(long seed, long index, int stream) {
        return (mix(seed + GOLDEN * (2 * index + stream + 1)) >>> 11) * 0x1p-53;
    }

    static long mix(long z) {
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    /// The id drawn from finite logits `z` (vocab) for the generated position `index`.
    int sample(double[] z, GenerateConfig config, long seed, int index) {
        if (config.temperature() == 0) return argmax(z);
        int size = weigh(z, config.temperature());
        boolean sorted = config.topK() > 0 && config.topK() < size || config.topP() < 1;
        int count = sorted ? best(z, config) : size;
        double least = config.minP();
        double total = 0;
        int survivors = 0;
        for (int i = 0; i < count; i++) {
            int id = sorted ? kept[i] : i;
            if (mass[id] < least) continue;
            kept[survivors++] = id;
            total += mass[id];
        }
        double target = uniform(seed, index, 0) * total;
        int chosen = kept[0];
        for (int i = 0; i < survivors; i++) {
            if (mass[kept[i]] > 0) chosen = kept[i];
            target -= mass[kept[i]];
            if (target < 0) break;
        }
        return chosen;
    }

    /// The largest logit, the lowest id among equals.
    static int argmax(double[] z) {
        int best = 0;
        for (int i = 1; i < z.length; i++) if (z[i] > z[best]) best = i;
        return best;
    }

    /// mass[i] = exp((z[i] - max) / temperature): the largest is exactly 1.
    private int weigh(double[] z, double temperature) {
        if (mass.length != z.length) {
            mass = new double[z.length];
            heap = new long[z.length];
            kept = new int[z.length];
        }
        double max = z[argmax(z)];
        for (int i = 0; i < z.length; i++) mass[i] = Math.exp((z[i] - max) / temperature);
        return z.length;
    }

    /// Leaves the ids that survive top-k and top-p in `kept`, in rising order; returns how many.
    private int best(double[] z, GenerateConfig config) {
        for (int i = 0; i < z.length; i++) heap[i] = key((float) z[i], i);
        for (int i = z.length / 2 - 1; i >= 0; i--) sink(i, z.length);
        int limit = config.topK() > 0 ? Math.min(config.topK(), z.length) : z.length;
        double total = 0;
        if (config.topK() == 0) for (double m : mass) total += m;
        int size = z.length;
        int count = 0;
        if (config.topK() > 0) {
            while (count < limit) kept[count++] = pop(size--);
            for (int i = 0; i < count; i++) total += mass[kept[i]];
            int nucleus = 0;
            for (double sum = 0; nucleus < count && (nucleus == 0 || sum < config.topP() * total); nucleus++) sum += mass[kept[nucleus]];
            count = nucleus;
        } else {
            for (double sum = 0; size > 0 && (count == 0 || sum < config.topP() * total); count++) {
                kept[count] = pop(size--);
                sum += mass[kept[count]];
            }
        }
        Arrays.sort(kept, 0, count);
        return count;
    }

    /// Orders by falling logit, then rising id, as plain signed longs.
    private static long key(float logit, int id) {
        int bits = Float.floatToIntBits(logit + 0f);
        int ordered = bits ^ bits >> 31 & 0x7fffffff;
        return (long) ~ordered << 32 | id;
    }

    private int pop(int size) {
        int id = (int) heap[0];
        heap[0] = heap[size - 1];
        sink(0, size - 1);
        return id;
    }

    private void sink(int at, int size) {
        long moving = heap[at];
        while (2 * at + 1 < size) {
            int child = 2 * at + 1;
            if (child + 1 < size && heap[child + 1] < heap[child]) child++;
            if (heap[child] >= moving) break;
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = moving;
    }
}
