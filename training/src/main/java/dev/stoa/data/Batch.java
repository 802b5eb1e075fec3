// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import java.util.List;

/// Samples laid one after another without padding: sample i is rows [starts[i], starts[i + 1]), its positions restart
/// at 0. Row t holds ids[t]; hard[t] and soft[t] are the weights of predicting the next id of the same sample.
public record Batch(int[] ids, int[] positions, int[] starts, float[] hard, float[] soft) {
    public static Batch of(List<Example> samples) {
        int rows = 0;
        for (Example sample : samples) rows += sample.length();
        Batch batch = new Batch(new int[rows], new int[rows], new int[samples.size() + 1], new float[rows], new float[rows]);
        int row = 0;
        for (int i = 0; i < samples.size(); i++) {
            Example sample = samples.get(i);
            for (int t = 0; t < sample.length(); t++, row++) {
                batch.ids[row] = sample.ids()[t];
                batch.positions[row] = t;
                if (t + 1 == sample.length()) continue;
                batch.hard[row] = sample.weights()[t + 1];
                batch.soft[row] = sample.soft()[t + 1];
            }
            batch.starts[i + 1] = row;
        }
        return batch;
    }

    public int rows() {
        return ids.length;
    }
}
