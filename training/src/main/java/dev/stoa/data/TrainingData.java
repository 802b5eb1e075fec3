// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/// Tokenized samples of a file with what happened to its rows. `identity` is a hash of all tokens and weights;
/// `cutSamples` were shortened to fit, `emptyMasks` had nothing to learn and are left out, `straddlers` are tokens across a
/// turn's border that are not trained.
public record TrainingData(
        List<Example> samples, String identity, int rows, int rejectedRows, int emptyMasks, int cutSamples, int straddlers) {
    private static final int VALID_MIN = 20, VALID_MAX = 2000, SPLIT_MIN = 60;

    public TrainingData {
        samples = List.copyOf(samples);
    }

    /// Training and held-out samples, disjoint.
    public record Split(List<Example> train, List<Example> valid) {}

    /// True when there are enough samples to hold some out.
    public boolean splittable() {
        return samples.size() >= SPLIT_MIN;
    }

    /// Holds out 5 %, at least 20 and at most 2,000, drawn by `seed`; with fewer than 60 samples `valid` is empty.
    public Split split(long seed) {
        if (!splittable()) return new Split(samples, List.of());
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < samples.size(); i++) order.add(i);
        Collections.shuffle(order, new Random(seed));
        int count = Math.min(VALID_MAX, Math.max(VALID_MIN, samples.size() / 20));
        List<Example> train = new ArrayList<>(), valid = new ArrayList<>();
        for (int i = 0; i < order.size(); i++) (i < count ? valid : train).add(samples.get(order.get(i)));
        return new Split(train, valid);
    }
}
