// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Softmax attention, one (row, head) at a time: all scores of the row, their softmax, the weighted values.
/// The order of every sum depends only on the row's own visible range and head size.
final class VectorAttention implements Attention {
    private static final int GRAIN_FLOATS = 1 << 15;
    private final Workers workers;
    private final Space[] spaces;

    VectorAttention(Workers workers, Space[] spaces) {
        this.workers = workers;
        this.spaces = spaces;
    }

    @Override
    public void attend(Tensor q, Row[] rows, int heads, int kvHeads, int headDim, float scale, Tensor out) {
        // q, out (T, heads * headDim); keys, values (kvHeads, capacity, headDim)
        Shapes.attend(q, rows, heads, kvHeads, headDim, out);
        if (rows.length == 0) return;
        long tokens = 0;
        for (Row row : rows) tokens += row.length() - row.first();
        long perJob = Math.max(1, tokens * headDim / rows.length);
        // heads outside, rows inside: one head's keys and values stay in the cache while all rows of a prompt read them
        workers.parallel(Math.multiplyExact(rows.length, heads), (int) Math.max(1, GRAIN_FLOATS / perJob),
                (worker, from, to) -> {
                    Space space = spaces[worker];
                    for (int job = from; job < to; job++) {
                        int head = job / rows.length;
                        Row row = rows[job % rows.length];
                        long query = 4 * ((long) row.index() * heads + head) * headDim;
                        long cache = 4L * (head * kvHeads / heads) * row.capacity() * headDim + 4L * row.first() * headDim;
                        int visible = row.length() - row.first();
                        float[] scores = space.scores(visible);
                        scores(q.data(), query, row.keys(), cache, visible, headDim, scale, scores, space.sums);
                        float total = softmax(scores, visible, space.sums);
                        values(row.values(), cache, visible, headDim, scores, total, out.data(), query);
                    }
                });
    }

    /// scores[t] = scale * (q . key t): L partial sums per token, then their tree sum; four tokens at a time have the same bits.
    private static void scores(MemorySegment q, long query, MemorySegment keys, long cache, int visible, int dim,
            float scale, float[] scores, float[] lanes) {
        int whole = dim - dim % L;
        VectorMask<Float> rest = Lanes.first(dim - whole);
        int t = 0;
        for (; whole == dim && t + 4 <= visible; t += 4) {
            four(q, query, keys, cache + 4L * t * dim, dim, lanes);
            for (int i = 0; i < 4; i++) scores[t + i] = Lanes.sum(lanes, i * L) * scale;
        }
        for (; t < visible; t++) {
            long key = cache + 4L * t * dim;
            FloatVector sum = FloatVector.zero(F);
            for (int i = 0; i < whole; i += L) sum = load(q, query + 4L * i).fma(load(keys, key + 4L * i), sum);
            if (whole < dim) sum = load(q, query + 4L * whole, rest).fma(load(keys, key + 4L * whole, rest), sum);
            sum.intoArray(lanes, 0);
            scores[t] = Lanes.sum(lanes, 0) * scale;
        }
    }

    /// The partial sums of four tokens, L after L.
    private static void four(MemorySegment q, long query, MemorySegment keys, long key, int dim, float[] lanes) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        long token = 4L * dim;
        for (int i = 0; i < dim; i += L) {
            FloatVector x = load(q, query + 4L * i);
            long at = key + 4L * i;
            a = x.fma(load(keys, at), a);
            b = x.fma(load(keys, at + token), b);
            c = x.fma(load(keys, at + 2 * token), c);
            d = x.fma(load(keys, at + 3 * token), d);
        }
        a.intoArray(lanes, 0);
        b.intoArray(lanes, L);
        c.intoArray(lanes, 2 * L);
        d.intoArray(lanes, 3 * L);
    }

    /// scores become exp(score - max); answers their sum. Writes up to L - 1 lanes past `visible`.
    private static float softmax(float[] scores, int visible, float[] lanes) {
        float max = scores[0];
        for (int t = 1; t < visible; t++) max = Math.max(max, scores[t]);
        FloatVector sum = FloatVector.zero(F);
        for (int t = 0; t < visible; t += L) {
            FloatVector weight = Lanes.exp(FloatVector.fromArray(F, scores, t).sub(max));
            weight = FloatVector.zero(F).blend(weight, Lanes.first(visible - t));
            weight.intoArray(scores, t);
            sum = sum.add(weight);
        }
        sum.intoArray(lanes, 0);
        return Lanes.sum(lanes, 0);
    }

    private static void values(MemorySegment values, long cache, int visible, int dim, float[] weights, float total,
            MemorySegment out, long at) {
        int i = 0;
        for (; i <= dim - 4 * L; i += 4 * L) four(values, cache + 4L * i, visible, dim, weights, total, out, at + 4L * i);
        for (; i < dim; i += L) {
            VectorMask<Float> mask = Lanes.first(dim - i);
            one(values, cache + 4L * i, visible, dim, weights, total, out, at + 4L * i, mask);
        }
    }

    private static void four(MemorySegment values, long from, int visible, int dim, float[] weights, float total,
            MemorySegment out, long at) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int t = 0; t < visible; t++) {
            long value = from + 4L * t * dim;
            FloatVector weight = FloatVector.broadcast(F, weights[t]);
            a = weight.fma(load(values, value), a);
            b = weight.fma(load(values, value + 4 * L), b);
            c = weight.fma(load(values, value + 8 * L), c);
            d = weight.fma(load(values, value + 12 * L), d);
        }
        a.div(total).intoMemorySegment(out, at, LE);
        b.div(total).intoMemorySegment(out, at + 4 * L, LE);
        c.div(total).intoMemorySegment(out, at + 8 * L, LE);
        d.div(total).intoMemorySegment(out, at + 12 * L, LE);
    }

    private static void one(MemorySegment values, long from, int visible, int dim, float[] weights, float total,
            MemorySegment out, long at, VectorMask<Float> mask) {
        FloatVector sum = FloatVector.zero(F);
        for (int t = 0; t < visible; t++) {
            sum = FloatVector.broadcast(F, weights[t]).fma(load(values, from + 4L * t * dim, mask), sum);
        }
        sum.div(total).intoMemorySegment(out, at, LE, mask);
    }
}
