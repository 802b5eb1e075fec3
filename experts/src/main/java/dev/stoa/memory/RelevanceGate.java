// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

/// Whether the best candidate is worth injecting: p(relevant) = sigmoid(w . f), fitted on generated dialogues for one
/// embedder. Below the threshold nothing is injected; with another embedder the gate stays closed.
///
/// Inputs f: cosine, coverage (share of the candidate's idf mass that the query names), `stated` (the candidate states
/// the very fact asked for), `other` (the query asks for a declared predicate, and the candidate states something
/// else), 1.
public record RelevanceGate(String embedderHash, double[] weights, double threshold) {
    public static final int INPUTS = 5;
    public static final double THRESHOLD = 0.35;

    public RelevanceGate {
        if (weights.length != INPUTS) throw new IllegalArgumentException("a gate has " + INPUTS + " weights");
        weights = weights.clone();
    }

    /// For the plain hashed features, whose hash is given: fitted on 2,400 questions about 50 generated dialogues, half
    /// of them read without rules, half of the questions about another dialogue; `GateFitTest` repeats the fit.
    public static RelevanceGate hashed(String embedderHash) {
        return new RelevanceGate(embedderHash, new double[] {7.8, 2.2, 4.75, -3.75, -5.4}, THRESHOLD);
    }

    static double[] inputs(double cosine, double coverage, boolean stated, boolean other) {
        return new double[] {cosine, coverage, stated ? 1 : 0, other ? 1 : 0, 1};
    }

    double probability(double[] inputs) {
        double sum = 0;
        for (int i = 0; i < INPUTS; i++) sum += weights[i] * inputs[i];
        return 1 / (1 + Math.exp(-sum));
    }

    @Override
    public double[] weights() {
        return weights.clone();
    }
}
