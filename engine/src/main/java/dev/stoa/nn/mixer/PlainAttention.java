// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Kernels;
import dev.stoa.tensor.Tensor;

/// Attention with what the kernels' fast path lacks: capped scores (Gemma 2) and a learned bias by distance (MPNet, with
/// the bidirectional buckets of T5, Raffel et al. 1910.10683). Plain loops, one (row, head) at a time.
final class PlainAttention {
    private static final int MAX_DISTANCE = 128;
    private final float softcap;
    private final Tensor bias;

    /// `bias` (buckets, heads) or null.
    PlainAttention(float softcap, Tensor bias) {
        this.softcap = softcap;
        this.bias = bias;
    }

    /// `slots[i]`: where the cache has the token of row i.
    void attend(Kernels kernels, Tensor q, Attention.Row[] rows, int[] slots, MixerSpec.Attention spec, Tensor out) {
        // q, out (T, heads * headDim); keys, values (kvHeads, capacity, headDim)
        kernels.workers().parallel(rows.length * spec.heads(), 1, (worker, from, to) -> {
            double[] sum = new double[spec.headDim()];
            for (int job = from; job < to; job++) {
                Attention.Row row = rows[job / spec.heads()];
                head(q, row, slots[row.index()], job % spec.heads(), spec, sum, out);
            }
        });
    }

    private void head(Tensor q, Attention.Row row, int slot, int head, MixerSpec.Attention spec, double[] sum, Tensor out) {
        int dim = spec.headDim();
        long query = ((long) row.index() * spec.heads() + head) * dim;
        long cache = (long) (head * spec.kvHeads() / spec.heads()) * row.capacity() * dim;
        double[] scores = new double[row.length() - row.first()];
        double max = Double.NEGATIVE_INFINITY;
        for (int t = 0; t < scores.length; t++) {
            long key = cache + (long) (row.first() + t) * dim;
            double dot = 0;
            for (int i = 0; i < dim; i++) dot += (double) q.get(query + i) * row.keys().get(Tensor.FLOAT, (key + i) * 4);
            double score = dot * spec.scale();
            if (softcap != 0) score = softcap * Math.tanh(score / softcap);
            if (bias != null) score += bias.get((long) bucket(row.first() + t - slot) * spec.heads() + head);
            scores[t] = score;
            max = Math.max(max, score);
        }
        java.util.Arrays.fill(sum, 0);
        double total = 0;
        for (int t = 0; t < scores.length; t++) {
            double weight = Math.exp(scores[t] - max);
            total += weight;
            long value = cache + (long) (row.first() + t) * dim;
            for (int i = 0; i < dim; i++) sum[i] += weight * row.values().get(Tensor.FLOAT, (value + i) * 4);
        }
        for (int i = 0; i < dim; i++) out.set(query + i, (float) (sum[i] / total));
    }

    /// The bucket of a key `distance` tokens after the query: half of the buckets for each direction, exact up to a
    /// quarter, then logarithmic up to MAX_DISTANCE.
    private int bucket(int distance) {
        int half = bias.rows() / 2;
        int exact = half / 2;
        int away = Math.abs(distance);
        int side = distance > 0 ? half : 0;
        if (away < exact) return side + away;
        // As torch does it, in binary32: the border cases of the logarithm decide the bucket.
        float ratio = (float) Math.log((float) away / exact) / (float) Math.log((double) MAX_DISTANCE / exact) * (half - exact);
        return side + Math.min(half - 1, exact + (int) ratio);
    }
}
