// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;

import dev.stoa.kernel.SegmentAttention;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// Packed causal attention by tiles of query rows. A task is one sample and one key head, done by one thread, so the
/// number of threads does not show; only pairs within a sample (and below the diagonal, by blocks) are computed.
///
/// All products are [#tile]: 8 rows times one vector of columns, the second operand packed so that its columns are
/// contiguous. Scratch arrays live for one call and one thread.
final class VectorSegmentAttention implements SegmentAttention {
    private static final int ROWS = 8;
    /// Rows and columns of packed operands are filled up to whole vectors and whole blocks of rows.
    private static final int PAD = Math.max(L, ROWS);
    /// Query rows whose probabilities are held at once in the backward pass.
    private static final int TILE = 64;
    private final Workers workers;

    VectorSegmentAttention(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void attend(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp) {
        int samples = starts.length - 1;
        workers.parallel(samples * heads.kvHeads(), 1, (worker, from, to) -> {
            Forward task = new Forward(heads, longest(starts));
            for (int i = from; i < to; i++) {
                task.run(q, k, v, starts[i % samples], starts[i % samples + 1], i / samples, out, logSumExp);
            }
        });
    }

    @Override
    public void backward(Tensor q, Tensor k, Tensor v, int[] starts, Heads heads, Tensor out, Tensor logSumExp, Tensor dOut,
            Tensor dq, Tensor dk, Tensor dv) {
        int samples = starts.length - 1;
        workers.parallel(samples * heads.kvHeads(), 1, (worker, from, to) -> {
            Backward task = new Backward(heads, longest(starts));
            for (int i = from; i < to; i++) {
                task.run(q, k, v, starts[i % samples], starts[i % samples + 1], i / samples, out, logSumExp, dOut, dq, dk, dv);
            }
        });
    }

    private static int longest(int[] starts) {
        int longest = 0;
        for (int i = 1; i < starts.length; i++) longest = Math.max(longest, starts[i] - starts[i - 1]);
        return longest;
    }

    private static int padded(int count) {
        return (count + PAD - 1) / PAD * PAD;
    }

    /// out[to + r * outStride + (0, L)) = sum over k < depth of
    /// a[at + r * rowStride + k * depthStride] * b[from + k * stride + (0, L)).
    private static void tile(float[] a, int at, int rowStride, int depthStride, float[] b, int from, int stride, int depth,
            float[] out, int to, int outStride) {
        FloatVector c0 = FloatVector.zero(F), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
        int a4 = at + 4 * rowStride, r2 = 2 * rowStride, r3 = 3 * rowStride;
        for (int k = 0; k < depth; k++) {
            FloatVector x = FloatVector.fromArray(F, b, from + k * stride);
            int p = at + k * depthStride, s = a4 + k * depthStride;
            c0 = FloatVector.broadcast(F, a[p]).fma(x, c0);
            c1 = FloatVector.broadcast(F, a[p + rowStride]).fma(x, c1);
            c2 = FloatVector.broadcast(F, a[p + r2]).fma(x, c2);
            c3 = FloatVector.broadcast(F, a[p + r3]).fma(x, c3);
            c4 = FloatVector.broadcast(F, a[s]).fma(x, c4);
            c5 = FloatVector.broadcast(F, a[s + rowStride]).fma(x, c5);
            c6 = FloatVector.broadcast(F, a[s + r2]).fma(x, c6);
            c7 = FloatVector.broadcast(F, a[s + r3]).fma(x, c7);
        }
        c0.intoArray(out, to);
        c1.intoArray(out, to + outStride);
        c2.intoArray(out, to + 2 * outStride);
        c3.intoArray(out, to + 3 * outStride);
        c4.intoArray(out, to + 4 * outStride);
        c5.intoArray(out, to + 5 * outStride);
        c6.intoArray(out, to + 6 * outStride);
        c7.intoArray(out, to + 7 * outStride);
    }

    /// Copies `rows` rows of one head from x into packed rows of `width` floats (a multiple of L, zero filled).
    private static void pack(Tensor x, int start, int rows, int head, int dim, float[] out, int width) {
        int columns = x.cols();
        for (int row = 0; row < rows; row++) {
            long from = 4L * ((long) (start + row) * columns + (long) head * dim);
            MemorySegment.copy(x.data(), Tensor.FLOAT, from, out, row * width, dim);
        }
    }

    /// out[d][row] = rows[row][d], rows beyond the last zero.
    private static void transpose(float[] rows, int count, int dim, int width, float[] out, int stride) {
        for (int d = 0; d < dim; d++) {
            for (int row = 0; row < count; row++) out[d * stride + row] = rows[row * width + d];
            Arrays.fill(out, d * stride + count, (d + 1) * stride, 0);
        }
    }

    /// Packed operands of one sample and key head that forward and backward share.
    private static class Operands {
        final Heads heads;
        final int dim, width, group;
        final float[] queries, keys, keysTransposed, lanes = new float[L];
        int start, count, stride;

        Operands(Heads heads, int longest) {
            this.heads = heads;
            dim = heads.headDim();
            width = padded(dim);
            group = heads.heads() / heads.kvHeads();
            queries = new float[(longest + ROWS) * width];
            keys = new float[(longest + PAD) * width];
            keysTransposed = new float[dim * padded(longest)];
        }

        void packKeys(Tensor k, int from, int to, int key) {
            start = from;
            count = to - from;
            stride = padded(count);
            pack(k, start, count, key, dim, keys, width);
            transpose(keys, count, dim, width, keysTransposed, stride);
        }

        int first(int row) {
            return heads.first(start, start + row) - start;
        }

        /// scores[r][j] = b[row + r] . column j for a block of 8 rows and key columns [0, end), end rounded up to L.
        void products(float[] b, int row, float[] columns, int end, float[] scores, int at) {
            for (int j = 0; j < end; j += L) {
                tile(b, row * width, width, 1, columns, j, stride, dim, scores, at + j, stride);
            }
        }
    }

    private static final class Forward extends Operands {
        final float[] values, scores, out;

        Forward(Heads heads, int longest) {
            super(heads, longest);
            values = new float[longest * width];
            scores = new float[ROWS * padded(longest)];
            out = new float[ROWS * width];
        }

        void run(Tensor q, Tensor k, Tensor v, int from, int to, int key, Tensor y, Tensor logSumExp) {
            packKeys(k, from, to, key);
            pack(v, from, count, key, dim, values, width);
            for (int head = key * group; head < (key + 1) * group; head++) {
                pack(q, from, count, head, dim, queries, width);
                for (int row = 0; row < count; row += ROWS) block(row, head, y, logSumExp);
            }
        }

        private void block(int row, int head, Tensor y, Tensor logSumExp) {
            int rows = Math.min(ROWS, count - row), end = row + rows;
            products(queries, row, keysTransposed, end, scores, 0);
            for (int r = 0; r < ROWS; r++) {
                if (r >= rows) {
                    Arrays.fill(scores, r * stride, r * stride + padded(end), 0);
                    continue;
                }
                float lse = softmax(scores, r * stride, first(row + r), row + r + 1, padded(end), heads.scale(), lanes);
                logSumExp.set((long) (start + row + r) * heads.heads() + head, lse);
            }
            for (int d = 0; d < width; d += L) tile(scores, 0, stride, 1, values, d, width, end, out, d, width);
            for (int r = 0; r < rows; r++) {
                long at = 4L * ((long) (start + row + r) * y.cols() + (long) head * dim);
                MemorySegment.copy(out, r * width, y.data(), Tensor.FLOAT, at, dim);
            }
        }
    }

    /// Scores x[at + first, at + last) become probabilities, the rest of [0, end) zero; returns log-sum-exp.
    private static float softmax(float[] x, int at, int first, int last, int end, float scale, float[] lanes) {
        Arrays.fill(x, at, at + first, 0);
        Arrays.fill(x, at + last, at + end, Float.NEGATIVE_INFINITY);
        int begin = first / L * L;
        for (int j = begin; j < first; j++) x[at + j] = Float.NEGATIVE_INFINITY;
        maximum(x, at + begin, at + end, lanes);
        float max = Lanes.max(lanes, 0) * scale;
        exponentials(x, at + begin, at + end, scale, max, lanes);
        float sum = Lanes.sum(lanes, 0), inverse = 1 / sum;
        for (int j = begin; j < end; j += L) FloatVector.fromArray(F, x, at + j).mul(inverse).intoArray(x, at + j);
        return (float) (max + Math.log(sum));
    }

    private static void maximum(float[] x, int from, int to, float[] lanes) {
        FloatVector max = FloatVector.fromArray(F, x, from);
        for (int j = from + L; j < to; j += L) max = max.max(FloatVector.fromArray(F, x, j));
        max.intoArray(lanes, 0);
    }

    private static void exponentials(float[] x, int from, int to, float scale, float max, float[] lanes) {
        FloatVector sum = FloatVector.zero(F);
        for (int j = from; j < to; j += L) {
            FloatVector e = Lanes.exp(FloatVector.fromArray(F, x, j).mul(scale).sub(max));
            e.intoArray(x, j);
            sum = sum.add(e);
        }
        sum.intoArray(lanes, 0);
    }

    private static final class Backward extends Operands {
        final float[] valuesTransposed, dOut, out, probabilities, dScores, dKeys, dValues, rows, tile = new float[ROWS * L];

        Backward(Heads heads, int longest) {
            super(heads, longest);
            valuesTransposed = new float[dim * padded(longest)];
            dOut = new float[(longest + ROWS) * width];
            out = new float[longest * width];
            probabilities = new float[TILE * padded(longest)];
            dScores = new float[TILE * padded(longest)];
            dKeys = new float[(longest + PAD) * width];
            dValues = new float[(longest + PAD) * width];
            rows = new float[ROWS * width];
        }

        void run(Tensor q, Tensor k, Tensor v, int from, int to, int key, Tensor y, Tensor logSumExp, Tensor dy, Tensor dq,
                Tensor dk, Tensor dv) {
            packKeys(k, from, to, key);
            pack(v, from, count, key, dim, dValues, width);
            transpose(dValues, count, dim, width, valuesTransposed, stride);
            Arrays.fill(dKeys, 0, padded(count) * width, 0);
            Arrays.fill(dValues, 0, padded(count) * width, 0);
            for (int head = key * group; head < (key + 1) * group; head++) {
                pack(q, from, count, head, dim, queries, width);
                pack(dy, from, count, head, dim, dOut, width);
                pack(y, from, count, head, dim, out, width);
                for (int row = 0; row < count; row += TILE) {
                    int end = Math.min(count, row + TILE);
                    for (int block = row; block < end; block += ROWS) block(block, row, end, head, logSumExp, dq);
                    keyGradients(row, end);
                }
            }
            unpack(dKeys, dk, key);
            unpack(dValues, dv, key);
        }

        /// With p = exp(scale s - lse), dp = dOut v, delta = dOut out: ds = scale p (dp - delta), dq = ds k.
        private void block(int row, int tileRow, int tileEnd, int head, Tensor logSumExp, Tensor dq) {
            int count = Math.min(ROWS, tileEnd - row), end = row + count, at = (row - tileRow) * stride;
            products(queries, row, keysTransposed, end, probabilities, at);
            products(dOut, row, valuesTransposed, end, dScores, at);
            for (int r = 0; r < count; r++) {
                float lse = logSumExp.get((long) (start + row + r) * heads.heads() + head);
                dot(dOut, out, (row + r) * width, width, lanes);
                scores(probabilities, dScores, at + r * stride, first(row + r), row + r + 1, padded(end), heads.scale(), lse,
                        Lanes.sum(lanes, 0));
            }
            for (int d = 0; d < width; d += L) tile(dScores, at, stride, 1, keys, d, width, end, rows, d, width);
            for (int r = 0; r < count; r++) {
                long to = 4L * ((long) (start + row + r) * dq.cols() + (long) head * dim);
                MemorySegment.copy(rows, r * width, dq.data(), Tensor.FLOAT, to, dim);
            }
        }

        /// dk[j] += sum ds[i][j] q[i], dv[j] += sum p[i][j] dOut[i] over the rows [row, end) of the tile.
        private void keyGradients(int row, int end) {
            for (int j = 0; j < end; j += ROWS) {
                int from = Math.max(row, j), depth = end - from, at = (from - row) * stride + j;
                for (int d = 0; d < width; d += L) {
                    tile(dScores, at, 1, stride, queries, from * width + d, width, depth, tile, 0, L);
                    add(tile, dKeys, j * width + d, width);
                    tile(probabilities, at, 1, stride, dOut, from * width + d, width, depth, tile, 0, L);
                    add(tile, dValues, j * width + d, width);
                }
            }
        }

        private void unpack(float[] packed, Tensor x, int head) {
            for (int row = 0; row < count; row++) {
                long to = 4L * ((long) (start + row) * x.cols() + (long) head * dim);
                MemorySegment.copy(packed, row * width, x.data(), Tensor.FLOAT, to, dim);
            }
        }
    }

    private static void dot(float[] a, float[] b, int at, int width, float[] lanes) {
        FloatVector sum = FloatVector.zero(F);
        for (int d = 0; d < width; d += L) sum = FloatVector.fromArray(F, a, at + d).fma(FloatVector.fromArray(F, b, at + d), sum);
        sum.intoArray(lanes, 0);
    }

    /// Turns raw scores into p and dp into ds for columns [first, last); the rest of [0, end) becomes zero.
    private static void scores(float[] p, float[] ds, int at, int first, int last, int end, float scale, float lse, float delta) {
        int begin = first / L * L;
        for (int j = begin; j < end; j += L) {
            FloatVector probability = Lanes.exp(FloatVector.fromArray(F, p, at + j).mul(scale).sub(lse));
            probability.intoArray(p, at + j);
            FloatVector.fromArray(F, ds, at + j).sub(delta).mul(probability).mul(scale).intoArray(ds, at + j);
        }
        Arrays.fill(p, at, at + first, 0);
        Arrays.fill(ds, at, at + first, 0);
        Arrays.fill(p, at + last, at + end, 0);
        Arrays.fill(ds, at + last, at + end, 0);
    }

    private static void add(float[] tile, float[] out, int at, int stride) {
        for (int r = 0; r < ROWS; r++) {
            int to = at + r * stride;
            FloatVector.fromArray(F, out, to).add(FloatVector.fromArray(F, tile, r * L)).intoArray(out, to);
        }
    }
}
