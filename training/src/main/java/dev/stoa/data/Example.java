// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import java.util.Arrays;

/// One tokenized sample. weights[i] and soft[i] refer to predicting ids[i] from ids[0, i): the weight of its
/// cross-entropy, and that of KL(base || expert), which keeps the base's own distribution there.
///
/// The arrays belong to the sample: they are not copied and must not change afterwards. Position 0 predicts nothing,
/// so its weights must be 0.
public record Example(int[] ids, float[] weights, float[] soft) {
    public Example {
        if (ids.length == 0 || weights.length != ids.length || soft.length != ids.length) {
            throw new IllegalArgumentException(ids.length + " ids, " + weights.length + " weights, " + soft.length + " soft");
        }
        if (weights[0] != 0 || soft[0] != 0) throw new IllegalArgumentException("the first token predicts nothing");
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0) throw new IllegalArgumentException("token id " + ids[i]);
            if (!(weights[i] >= 0) || !(soft[i] >= 0) || weights[i] + soft[i] == Float.POSITIVE_INFINITY) {
                throw new IllegalArgumentException("weight " + weights[i] + ", soft " + soft[i] + " at " + i);
            }
        }
    }

    /// Cross-entropy only.
    public static Example hard(int[] ids, float[] weights) {
        return new Example(ids, weights, new float[ids.length]);
    }

    /// A prompt whose tokens weigh `promptWeight` and an answer whose tokens weigh 1.
    public static Example of(int[] prompt, int[] answer, float promptWeight) {
        int[] ids = new int[prompt.length + answer.length];
        System.arraycopy(prompt, 0, ids, 0, prompt.length);
        System.arraycopy(answer, 0, ids, prompt.length, answer.length);
        float[] weights = new float[ids.length];
        for (int i = 1; i < ids.length; i++) weights[i] = i < prompt.length ? promptWeight : 1;
        return hard(ids, weights);
    }

    public int length() {
        return ids.length;
    }

    /// Number of positions with any loss.
    public int trained() {
        int count = 0;
        for (int i = 0; i < ids.length; i++) if (weights[i] != 0 || soft[i] != 0) count++;
        return count;
    }

    /// The sample without everything after `limit` tokens; itself when it is short enough.
    public Example cutRight(int limit) {
        if (ids.length <= limit) return this;
        return new Example(Arrays.copyOf(ids, limit), Arrays.copyOf(weights, limit),
                Arrays.copyOf(soft, limit));
    }
}
