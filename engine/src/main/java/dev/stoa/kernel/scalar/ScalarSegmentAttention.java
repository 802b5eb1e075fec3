// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.SegmentAttention;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;

/// The definition of packed causal attention and its gradients, written out; sums in double.
final class ScalarSegmentAttention implements SegmentAttention {
    private final Workers workers;

    ScalarSegmentAttention(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void attend(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp) {
        int samples = starts.length - 1;
        workers.parallel(samples * heads.heads(), 1, (worker, from, to) -> {
            for (int task = from; task < to; task++) {
                int head = task / samples, sample = task % samples;
                for (int row = starts[sample]; row < starts[sample + 1]; row++) {
                    forwardRow(q, k, v, starts[sample], row, head, heads, out, logSumExp);
                }
            }
        });
    }

    private static void forwardRow(Tensor q, Tensor k, Tensor v, int start, int row, int head, Heads heads, Tensor out,
            Tensor logSumExp) {
        int dim = heads.headDim(), key = head * heads.kvHeads() / heads.heads(), first = heads.first(start, row);
        double[] score = new double[row + 1 - first];
        double max = Double.NEGATIVE_INFINITY, sum = 0;
        for (int j = first; j <= row; j++) {
            score[j - first] = heads.scale() * dot(q, row, head, k, j, key, dim);
            max = Math.max(max, score[j - first]);
        }
        for (int j = 0; j < score.length; j++) sum += score[j] = Math.exp(score[j] - max);
        for (int d = 0; d < dim; d++) {
            double value = 0;
            for (int j = 0; j < score.length; j++) value += score[j] * at(v, first + j, key, dim, d);
            out.set(index(out, row, head, dim, d), (float) (value / sum));
        }
        logSumExp.set((long) row * heads.heads() + head, (float) (max + Math.log(sum)));
    }

    @Override
    public void backward(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp, Tensor dOut,
            Tensor dq, Tensor dk, Tensor dv) {
        int samples = starts.length - 1;
        workers.parallel(samples * heads.kvHeads(), 1, (worker, from, to) -> {
            for (int task = from; task < to; task++) {
                int key = task / samples, sample = task % samples;
                backwardSample(q, k, v, starts[sample], starts[sample + 1], key, heads, out, logSumExp, dOut, dq, dk, dv);
            }
        });
    }

    /// With p = exp(s - lse), dp = dOut v, delta = dOut out: ds = p (dp - delta).
    private static void backwardSample(Tensor q, Tensor k, Tensor v, int start, int end, int key, Heads heads, Tensor out,
            Tensor logSumExp, Tensor dOut, Tensor dq, Tensor dk, Tensor dv) {
        int dim = heads.headDim(), group = heads.heads() / heads.kvHeads();
        double[] keyGradient = new double[(end - start) * dim], valueGradient = new double[(end - start) * dim];
        for (int head = key * group; head < (key + 1) * group; head++) {
            for (int row = start; row < end; row++) {
                double delta = dot(dOut, row, head, out, row, head, dim);
                double lse = logSumExp.get((long) row * heads.heads() + head);
                double[] queryGradient = new double[dim];
                for (int j = heads.first(start, row); j <= row; j++) {
                    double p = Math.exp(heads.scale() * dot(q, row, head, k, j, key, dim) - lse);
                    double ds = heads.scale() * p * (dot(dOut, row, head, v, j, key, dim) - delta);
                    for (int d = 0; d < dim; d++) {
                        queryGradient[d] += ds * at(k, j, key, dim, d);
                        keyGradient[(j - start) * dim + d] += ds * at(q, row, head, dim, d);
                        valueGradient[(j - start) * dim + d] += p * at(dOut, row, head, dim, d);
                    }
                }
                for (int d = 0; d < dim; d++) dq.set(index(dq, row, head, dim, d), (float) queryGradient[d]);
            }
        }
        for (int row = start; row < end; row++) {
            for (int d = 0; d < dim; d++) {
                dk.set(index(dk, row, key, dim, d), (float) keyGradient[(row - start) * dim + d]);
                dv.set(index(dv, row, key, dim, d), (float) valueGradient[(row - start) * dim + d]);
            }
        }
    }

    private static double dot(Tensor a, int rowA, int headA, Tensor b, int rowB, int headB, int dim) {
        double sum = 0;
        for (int d = 0; d < dim; d++) sum += (double) at(a, rowA, headA, dim, d) * at(b, rowB, headB, dim, d);
        return sum;
    }

    private static float at(Tensor x, int row, int head, int dim, int d) {
        return x.get(index(x, row, head, dim, d));
    }

    private static long index(Tensor x, int row, int head, int dim, int d) {
        return (long) row * x.cols() + (long) head * dim + d;
    }
}
