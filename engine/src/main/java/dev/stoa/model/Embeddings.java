// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// Sentence embeddings from the hidden states of an encoder.
public final class Embeddings {
    private Embeddings() {}

    /// The mean over tokens of hidden (T, H), scaled to length 1.
    public static float[] mean(float[][] hidden) {
        double[] sum = new double[hidden[0].length];
        for (float[] row : hidden) for (int i = 0; i < sum.length; i++) sum[i] += row[i];
        double squares = 0;
        for (double value : sum) squares += value * value;
        float[] embedding = new float[sum.length];
        // The count of tokens cancels against the length.
        for (int i = 0; i < sum.length; i++) embedding[i] = (float) (sum[i] / Math.max(Math.sqrt(squares), 1e-12));
        return embedding;
    }
}
