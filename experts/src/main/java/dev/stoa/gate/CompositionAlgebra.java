// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import dev.stoa.generate.Compose;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// What several experts on one request would answer, computed exactly from runs of each alone. In the modes `logits`
/// and `select` experts meet only at the output, so with the log-probabilities of the base and of each expert along the
/// gold answer (teacher-forced) every pair, triple and quad follows without running it: the greedy answer equals the
/// gold one if and only if the combined argmax does at each position. Gates specification §4.0.
///
/// One instance holds one item and is immutable. n experts on m probe sets cost n m passes instead of n^2 m.
public final class CompositionAlgebra {
    /// Below this divergence, in nat, an expert of a `select` group has nothing to say (as in decoding).
    public static final double SELECT_FLOOR = 0.01;

    private final int vocab;
    private final int[] gold;
    private final float[] base;
    private final List<float[]> experts;
    private final double[][] divergence;
    private final int[][] choice;
    private final int[] baseChoice;

    /// `base` and each of `experts` are tables (gold.length, vocab) of log-probabilities at the answer's tokens.
    public CompositionAlgebra(int vocab, int[] gold, float[] base, List<float[]> experts) {
        this.vocab = vocab;
        this.gold = gold.clone();
        this.base = base;
        this.experts = List.copyOf(experts);
        int size = Math.multiplyExact(gold.length, vocab);
        if (base.length != size || experts.stream().anyMatch(table -> table.length != size)) {
            throw new IllegalArgumentException("a table has " + gold.length + " x " + vocab + " values");
        }
        this.divergence = new double[experts.size()][gold.length];
        this.choice = new int[experts.size()][gold.length];
        this.baseChoice = new int[gold.length];
        for (int position = 0; position < gold.length; position++) {
            baseChoice[position] = argmax(base, position);
            for (int e = 0; e < experts.size(); e++) {
                choice[e][position] = argmax(experts.get(e), position);
                divergence[e][position] = divergence(experts.get(e), position);
            }
        }
    }

    /// Whether the greedy answer of the base alone is the gold one.
    public boolean baseCorrect() {
        return Arrays.equals(baseChoice, gold);
    }

    /// Whether these experts together answer with the gold one; `set` are indices into the list given, in the order in
    /// which they would be mounted. An empty set is the base.
    public boolean correct(Compose mode, double weight, int... set) {
        return switch (mode) {
            case LOGITS -> logitsCorrect(weight, set);
            case SELECT -> selectCorrect(set);
            case SUM -> throw new IllegalArgumentException("a sum of updates does not follow from single runs");
        };
    }

    /// z = z0 + sum w (zi - z0), argmax over the vocabulary, lowest id on ties.
    private boolean logitsCorrect(double weight, int[] set) {
        for (int position = 0; position < gold.length; position++) {
            int best = -1;
            double bestValue = Double.NEGATIVE_INFINITY;
            for (int v = 0, at = position * vocab; v < vocab; v++, at++) {
                double z = base[at];
                for (int e : set) z += weight * ((double) experts.get(e)[at] - base[at]);
                if (z > bestValue) {
                    bestValue = z;
                    best = v;
                }
            }
            if (best != gold[position]) return false;
        }
        return true;
    }

    private boolean selectCorrect(int[] set) {
        for (int position = 0; position < gold.length; position++) {
            int chosen = baseChoice[position];
            double largest = SELECT_FLOOR;
            for (int e : set) {
                if (divergence[e][position] <= largest) continue;
                largest = divergence[e][position];
                chosen = choice[e][position];
            }
            if (chosen != gold[position]) return false;
        }
        return true;
    }

    private int argmax(float[] table, int position) {
        int best = position * vocab;
        for (int at = best + 1; at < (position + 1) * vocab; at++) if (table[at] > table[best]) best = at;
        return best - position * vocab;
    }

    /// KL(p || p0) in nat.
    private double divergence(float[] table, int position) {
        double sum = 0;
        for (int at = position * vocab; at < (position + 1) * vocab; at++) {
            sum += Math.exp(table[at]) * ((double) table[at] - base[at]);
        }
        return sum;
    }

    /// All sets of `size` out of `n`, each ascending.
    public static List<int[]> sets(int n, int size) {
        List<int[]> sets = new ArrayList<>();
        int[] set = new int[size];
        for (int i = 0; i < size; i++) set[i] = i;
        while (size <= n) {
            sets.add(set.clone());
            int at = size - 1;
            while (at >= 0 && set[at] == n - size + at) at--;
            if (at < 0) break;
            set[at]++;
            for (int i = at + 1; i < size; i++) set[i] = set[i - 1] + 1;
        }
        return sets;
    }
}
