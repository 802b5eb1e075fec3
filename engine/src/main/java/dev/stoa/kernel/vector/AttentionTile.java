// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.INTS;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;

import dev.stoa.kernel.Attention;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Attention of up to [#COLUMNS] query columns, each a row and a head of one group, over the keys and values that they share:
/// a key and a value are read once for all of them. A lane is a column, so columns never meet, and every sum has the
/// order of [AttentionColumn], so the bits are the same. What only some columns see is added for these alone: not
/// even a value that is no number reaches a column that does not see it.
///
/// Scratch memory of one worker; not thread-safe.
final class AttentionTile {
    static final int COLUMNS = 2 * L;
    /// Slots whose keys or values are copied at a time.
    private static final int BLOCK = 64;
    private static final int ROWS = 4;

    private int dim;
    /// `dim` rounded up, so that tiles of two vectors need no masks; what is added is 0.
    private int width;
    /// Channels of a score's partial sum.
    private int steps;
    /// Queries [partial sum][step][column].
    private float[] panel = {};
    private float[] block = {};
    /// Scores, then weights: [slot][column].
    private float[] scores = {};
    /// Results [column][width].
    private float[] sums = {};
    private final float[] partial = new float[L * ROWS * COLUMNS];
    private final float[] totals = new float[COLUMNS];
    private final float[] maxima = new float[COLUMNS];
    private final int[] first = new int[COLUMNS];
    private final int[] length = new int[COLUMNS];

    /// Columns [from, to) of the rows [start, ..) that share keys and values: column c is row start + c / group and head
    /// kvHead * group + c % group.
    void run(Tensor q, Attention.Row[] rows, int start, int from, int to, int heads, int kvHeads, int kvHead, int headDim, float scale,
            Tensor out) {
        int group = heads / kvHeads;
        size(headDim);
        Attention.Row shared = rows[start];
        long cache = 4L * kvHead * shared.capacity() * dim;
        int low = Integer.MAX_VALUE, high = 0, commonLow = 0, commonHigh = Integer.MAX_VALUE;
        for (int c = 0; c < COLUMNS; c++) {
            Attention.Row row = rows[start + Math.min(from + c, to - 1) / group];
            first[c] = row.first();
            length[c] = row.length();
            low = Math.min(low, row.first());
            high = Math.max(high, row.length());
            commonLow = Math.max(commonLow, row.first());
            commonHigh = Math.min(commonHigh, row.length());
        }
        commonHigh = Math.max(commonLow, commonHigh);
        pack(q, rows, start, from, to, group, kvHead, heads);
        int base = low / BLOCK * BLOCK;
        scores = grown(scores, (high - base + BLOCK) * COLUMNS);
        for (int at = base; at < high; at += BLOCK) {
            copy(shared.keys(), cache, Math.max(at, low), Math.min(at + BLOCK, high), at);
            for (int t = at; t < Math.min(at + BLOCK, high); t += ROWS) score((t - at) * width, (t - base) * COLUMNS, scale);
        }
        softmax(base, low, high, commonLow, commonHigh);
        Arrays.fill(sums, 0, COLUMNS * width, 0);
        for (int at = base; at < high; at += BLOCK) {
            int end = Math.min(at + BLOCK, high);
            copy(shared.values(), cache, Math.max(at, low), end, at);
            alone(at, Math.max(at, low), Math.min(end, commonLow), base);
            together(at, Math.max(at, commonLow), Math.min(end, commonHigh), base);
            alone(at, Math.max(at, commonHigh), end, base);
        }
        for (int c = from; c < to; c++) {
            finish(c - from, out, 4 * ((long) rows[start + c / group].index() * heads + kvHead * group + c % group) * dim);
        }
    }

    private void size(int headDim) {
        if (headDim == dim) return;
        dim = headDim;
        width = (dim + COLUMNS - 1) / COLUMNS * COLUMNS;
        steps = (dim + L - 1) / L;
        panel = new float[L * steps * COLUMNS];
        block = new float[BLOCK * width];
        sums = new float[COLUMNS * width];
    }

    private static float[] grown(float[] array, int count) {
        return array.length >= count ? array : new float[Math.max(count, array.length + array.length / 2)];
    }

    /// Columns beyond the last repeat it.
    private void pack(Tensor q, Attention.Row[] rows, int start, int from, int to, int group, int kvHead, int heads) {
        for (int c = 0; c < COLUMNS; c++) {
            int column = Math.min(from + c, to - 1);
            long query = ((long) rows[start + column / group].index() * heads + kvHead * group + column % group) * dim;
            for (int i = 0; i < dim; i++) panel[(i % L * steps + i / L) * COLUMNS + c] = q.data().get(Tensor.FLOAT, 4 * (query + i));
        }
    }

    /// Slots [from, to) of one head into `block`, whose first slot is `origin`.
    private void copy(MemorySegment slots, long head, int from, int to, int origin) {
        for (int t = from; t < to; t++) {
            MemorySegment.copy(slots, Tensor.FLOAT, head + 4L * t * dim, block, (t - origin) * width, dim);
        }
    }

    /// Scores of ROWS slots with all columns.
    private void score(int key, int to, float scale) {
        for (int lane = 0; lane < L; lane++) {
            products(block, key + lane, width, panel, lane * steps * COLUMNS, steps, partial, lane * ROWS * COLUMNS);
        }
        for (int i = 0; i < ROWS * COLUMNS; i += L) tree(partial, i, ROWS * COLUMNS).mul(scale).intoArray(scores, to + i);
    }

    /// out (ROWS, COLUMNS) = a (ROWS, steps), every L-th channel, times b (steps, COLUMNS).
    private static void products(float[] a, int at, int stride, float[] b, int from, int steps, float[] out, int to) {
        FloatVector c0 = FloatVector.zero(F), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
        for (int k = 0; k < steps; k++) {
            FloatVector x = FloatVector.fromArray(F, b, from + k * COLUMNS), y = FloatVector.fromArray(F, b, from + k * COLUMNS + L);
            int p = at + k * L;
            FloatVector w = FloatVector.broadcast(F, a[p]);
            c0 = w.fma(x, c0); c1 = w.fma(y, c1);
            w = FloatVector.broadcast(F, a[p + stride]);
            c2 = w.fma(x, c2); c3 = w.fma(y, c3);
            w = FloatVector.broadcast(F, a[p + 2 * stride]);
            c4 = w.fma(x, c4); c5 = w.fma(y, c5);
            w = FloatVector.broadcast(F, a[p + 3 * stride]);
            c6 = w.fma(x, c6); c7 = w.fma(y, c7);
        }
        c0.intoArray(out, to); c1.intoArray(out, to + L);
        c2.intoArray(out, to + 2 * L); c3.intoArray(out, to + 3 * L);
        c4.intoArray(out, to + 4 * L); c5.intoArray(out, to + 5 * L);
        c6.intoArray(out, to + 6 * L); c7.intoArray(out, to + 7 * L);
    }

    /// The sum of the vectors at + i * stride, i < L, in the order of [Lanes#sum].
    private static FloatVector tree(float[] v, int at, int stride) {
        if (L == 4) return tree4(v, at, stride);
        FloatVector low = tree4(v, at, stride).add(tree4(v, at + 4 * stride, stride));
        if (L == 8) return low;
        return low.add(tree4(v, at + 8 * stride, stride).add(tree4(v, at + 12 * stride, stride)));
    }

    private static FloatVector tree4(float[] v, int at, int stride) {
        return FloatVector.fromArray(F, v, at).add(FloatVector.fromArray(F, v, at + stride))
                .add(FloatVector.fromArray(F, v, at + 2 * stride).add(FloatVector.fromArray(F, v, at + 3 * stride)));
    }

    /// Scores become weights, 0 where a column does not see a slot; `totals` are their sums.
    private void softmax(int base, int low, int high, int commonLow, int commonHigh) {
        Arrays.fill(partial, 0, L * COLUMNS, 0);
        for (int half = 0; half < COLUMNS; half += L) {
            IntVector from = IntVector.fromArray(INTS, first, half), to = IntVector.fromArray(INTS, length, half);
            FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
            max = seenMax(max, low, commonLow, base, half, from, to);
            max = max(scores, (commonLow - base) * COLUMNS + half, (commonHigh - base) * COLUMNS, max);
            max = seenMax(max, commonHigh, high, base, half, from, to);
            max.intoArray(maxima, half);
            seenWeights(max, low, commonLow, base, half, from, to);
            weights(max, commonLow, commonHigh, base, half);
            seenWeights(max, commonHigh, high, base, half, from, to);
            tree(partial, half, COLUMNS).intoArray(totals, half);
        }
    }

    private static FloatVector max(float[] scores, int from, int to, FloatVector max) {
        for (int i = from; i < to; i += COLUMNS) max = max.max(FloatVector.fromArray(F, scores, i));
        return max;
    }

    private static VectorMask<Float> seen(int slot, IntVector from, IntVector to) {
        return from.compare(VectorOperators.LE, slot).and(to.compare(VectorOperators.GT, slot)).cast(F);
    }

    private FloatVector seenMax(FloatVector max, int low, int high, int base, int half, IntVector from, IntVector to) {
        for (int t = low; t < high; t++) {
            FloatVector score = FloatVector.fromArray(F, scores, (t - base) * COLUMNS + half);
            max = max.blend(max.max(score), seen(t, from, to));
        }
        return max;
    }

    private void seenWeights(FloatVector max, int low, int high, int base, int half, IntVector from, IntVector to) {
        for (int t = low; t < high; t++) {
            int at = (t - base) * COLUMNS + half, sum = t % L * COLUMNS + half;
            FloatVector weight = Lanes.exp(FloatVector.fromArray(F, scores, at).sub(max));
            weight = FloatVector.zero(F).blend(weight, seen(t, from, to));
            weight.intoArray(scores, at);
            FloatVector.fromArray(F, partial, sum).add(weight).intoArray(partial, sum);
        }
    }

    private void weights(FloatVector max, int low, int high, int base, int half) {
        for (int t = low; t < high; t++) {
            int at = (t - base) * COLUMNS + half, sum = t % L * COLUMNS + half;
            FloatVector weight = Lanes.exp(FloatVector.fromArray(F, scores, at).sub(max));
            weight.intoArray(scores, at);
            FloatVector.fromArray(F, partial, sum).add(weight).intoArray(partial, sum);
        }
    }

    /// Values of slots [from, to) that every column sees.
    private void together(int origin, int from, int to, int base) {
        if (from >= to) return;
        for (int c = 0; c < COLUMNS; c += ROWS) {
            for (int i = 0; i < width; i += COLUMNS) {
                add(scores, (from - base) * COLUMNS + c, block, (from - origin) * width + i, width, to - from, sums, c * width + i);
            }
        }
    }

    /// out (ROWS, COLUMNS) += transposed a (depth, ROWS) times b (depth, COLUMNS); rows of b and out are `width` apart.
    private static void add(float[] a, int at, float[] b, int from, int width, int depth, float[] out, int to) {
        FloatVector c0 = FloatVector.fromArray(F, out, to), c1 = FloatVector.fromArray(F, out, to + L);
        FloatVector c2 = FloatVector.fromArray(F, out, to + width), c3 = FloatVector.fromArray(F, out, to + width + L);
        FloatVector c4 = FloatVector.fromArray(F, out, to + 2 * width), c5 = FloatVector.fromArray(F, out, to + 2 * width + L);
        FloatVector c6 = FloatVector.fromArray(F, out, to + 3 * width), c7 = FloatVector.fromArray(F, out, to + 3 * width + L);
        for (int k = 0; k < depth; k++) {
            FloatVector x = FloatVector.fromArray(F, b, from + k * width), y = FloatVector.fromArray(F, b, from + k * width + L);
            int p = at + k * COLUMNS;
            FloatVector w = FloatVector.broadcast(F, a[p]);
            c0 = w.fma(x, c0); c1 = w.fma(y, c1);
            w = FloatVector.broadcast(F, a[p + 1]);
            c2 = w.fma(x, c2); c3 = w.fma(y, c3);
            w = FloatVector.broadcast(F, a[p + 2]);
            c4 = w.fma(x, c4); c5 = w.fma(y, c5);
            w = FloatVector.broadcast(F, a[p + 3]);
            c6 = w.fma(x, c6); c7 = w.fma(y, c7);
        }
        c0.intoArray(out, to); c1.intoArray(out, to + L);
        c2.intoArray(out, to + width); c3.intoArray(out, to + width + L);
        c4.intoArray(out, to + 2 * width); c5.intoArray(out, to + 2 * width + L);
        c6.intoArray(out, to + 3 * width); c7.intoArray(out, to + 3 * width + L);
    }

    /// Values of slots [from, to) for the columns that see them.
    private void alone(int origin, int from, int to, int base) {
        for (int c = 0; c < COLUMNS; c++) {
            for (int t = Math.max(from, first[c]); t < Math.min(to, length[c]); t++) {
                one(scores[(t - base) * COLUMNS + c], block, (t - origin) * width, sums, c * width, width);
            }
        }
    }

    private static void one(float weight, float[] value, int at, float[] out, int to, int width) {
        FloatVector w = FloatVector.broadcast(F, weight);
        for (int i = 0; i < width; i += L) w.fma(FloatVector.fromArray(F, value, at + i), FloatVector.fromArray(F, out, to + i)).intoArray(out, to + i);
    }

    private void finish(int column, Tensor out, long at) {
        for (int i = 0; i < dim; i += L) {
            FloatVector sum = FloatVector.fromArray(F, sums, column * width + i).div(totals[column]);
            if (i + L <= dim) sum.intoMemorySegment(out.data(), at + 4L * i, LE);
            else sum.intoMemorySegment(out.data(), at + 4L * i, LE, Lanes.first(dim - i));
        }
    }
}
