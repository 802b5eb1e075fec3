// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Softmax attention in two passes per row and head: all scores, then the weighted sum of values.
final class ScalarAttention implements Attention {
    private final Workers workers;

    ScalarAttention(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void attend(Tensor q, Row[] rows, int heads, int kvHeads, int headDim, float scale, Tensor out) {
        // q, out (T, heads * headDim); keys, values (kvHeads, capacity, headDim)
        Shapes.attend(q, rows, heads, kvHeads, headDim, out);
        workers.parallel(rows.length * heads, 1, (worker, from, to) -> {
            double[] sum = new double[headDim];
            for (int job = from; job < to; job++) {
                Row row = rows[job / heads];
                int head = job % heads;
                head(q, row, head, head * kvHeads / heads, heads, scale, sum, out);
            }
        });
    }

    private static void head(Tensor q, Row row, int head, int kvHead, int heads, float scale, double[] sum, Tensor out) {
        int dim = sum.length;
        long query = ((long) row.index() * heads + head) * dim;
        long cache = (long) kvHead * row.capacity() * dim;
        double[] scores = new double[row.length() - row.first()];
        double max = Double.NEGATIVE_INFINITY;
        for (int t = 0; t < scores.length; t++) {
            long key = cache + (long) (row.first() + t) * dim;
            double dot = 0;
            for (int i = 0; i < dim; i++) dot += (double) q.get(query + i) * at(row.keys(), key + i);
            scores[t] = dot * scale;
            max = Math.max(max, scores[t]);
        }
        Arrays.fill(sum, 0);
        double total = 0;
        for (int t = 0; t < scores.length; t++) {
            double weight = Math.exp(scores[t] - max);
            total += weight;
            long value = cache + (long) (row.first() + t) * dim;
            for (int i = 0; i < dim; i++) sum[i] += weight * at(row.values(), value + i);
        }
        for (int i = 0; i < dim; i++) out.set(query + i, (float) (sum[i] / total));
    }

    private static float at(MemorySegment floats, long index) {
        return floats.get(Tensor.FLOAT, index * 4);
    }
}
