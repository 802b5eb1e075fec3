// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import java.util.Arrays;

/// Weights of a mounted set in 64ths: the quantized values are the ones applied, so that cached state is reusable.
public final class MixingWeights {
    public static final int UNIT = 64;

    private MixingWeights() {}

    /// At least 1/64 each; convex sets sum to 64/64, the largest absorbing the rounding.
    public static int[] of(double[] p, CompositionTable.Weights mode) {
        if (p.length == 0) return new int[0];
        int[] parts = new int[p.length];
        if (mode == CompositionTable.Weights.UNIT) {
            Arrays.fill(parts, UNIT);
            return parts;
        }
        double sum = 0;
        for (double value : p) sum += value;
        int largest = 0;
        int rest = UNIT;
        for (int i = 0; i < p.length; i++) {
            parts[i] = Math.max(1, (int) Math.round(UNIT * p[i] / sum));
            rest -= parts[i];
            if (p[i] > p[largest]) largest = i;
        }
        parts[largest] += rest;
        return parts;
    }

    /// A requested weight as 64ths, at least one.
    public static int quantize(double weight) {
        return Math.max(1, (int) Math.round(weight * UNIT));
    }
}
