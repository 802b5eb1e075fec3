// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Attention of one query row and head: its scores, their softmax, the weighted values. What a decoding sequence runs.
///
/// The order of its sums is the one [AttentionTile] keeps too. A score is L partial sums over the channels, then their
/// tree; the softmax's total is L partial sums over the slots, slot t in lane t mod L, then their tree; a channel of the
/// result is one chain of multiply-adds over rising slots.
final class AttentionColumn {
    private AttentionColumn() {}

    /// out[at ..] = attention of q[query ..] over slots [first, length) of the head whose slots begin at byte `head` of keys and values.
    static void run(MemorySegment q, long query, MemorySegment keys, MemorySegment values, long head, int first, int length, int dim,
            float scale, Space space, MemorySegment out, long at) {
        int lead = first % L;
        float[] scores = space.scores(lead + length - first);
        long from = head + 4L * first * dim;
        scores(q, query, keys, from, length - first, dim, scale, scores, lead, space.sums);
        float total = softmax(scores, lead, lead + length - first, space.sums);
        values(values, from, lead, lead + length - first, dim, scores, total, out, at);
    }

    /// scores[at + t] = scale * (q . key t), four tokens at a time.
    private static void scores(MemorySegment q, long query, MemorySegment keys, long from, int visible, int dim, float scale,
            float[] scores, int at, float[] lanes) {
        int whole = dim - dim % L;
        VectorMask<Float> rest = Lanes.first(dim - whole);
        int t = 0;
        for (; whole == dim && t + 4 <= visible; t += 4) {
            four(q, query, keys, from + 4L * t * dim, dim, lanes);
            for (int i = 0; i < 4; i++) scores[at + t + i] = Lanes.sum(lanes, i * L) * scale;
        }
        for (; t < visible; t++) {
            long key = from + 4L * t * dim;
            FloatVector sum = FloatVector.zero(F);
            for (int i = 0; i < whole; i += L) sum = load(q, query + 4L * i).fma(load(keys, key + 4L * i), sum);
            if (whole < dim) sum = load(q, query + 4L * whole, rest).fma(load(keys, key + 4L * whole, rest), sum);
            sum.intoArray(lanes, 0);
            scores[at + t] = Lanes.sum(lanes, 0) * scale;
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

    /// scores[from .. to) become exp(score - max), what else stands in their vectors 0; answers their sum. `from` is in the first vector.
    private static float softmax(float[] scores, int from, int to, float[] lanes) {
        float max = scores[from];
        for (int t = from + 1; t < to; t++) max = Math.max(max, scores[t]);
        FloatVector sum = FloatVector.zero(F);
        for (int t = 0; t < to; t += L) {
            FloatVector weight = Lanes.exp(FloatVector.fromArray(F, scores, t).sub(max));
            VectorMask<Float> seen = Lanes.first(to - t);
            if (t < from) seen = seen.andNot(Lanes.first(from - t));
            weight = FloatVector.zero(F).blend(weight, seen);
            weight.intoArray(scores, t);
            sum = sum.add(weight);
        }
        sum.intoArray(lanes, 0);
        return Lanes.sum(lanes, 0);
    }

    /// out = the values of slots [from, to) of `weights`, weighted, over `total`.
    private static void values(MemorySegment values, long first, int from, int to, int dim, float[] weights, float total,
            MemorySegment out, long at) {
        int i = 0;
        for (; i <= dim - 4 * L; i += 4 * L) four(values, first + 4L * i, from, to, dim, weights, total, out, at + 4L * i);
        for (; i < dim; i += L) {
            VectorMask<Float> mask = Lanes.first(dim - i);
            one(values, first + 4L * i, from, to, dim, weights, total, out, at + 4L * i, mask);
        }
    }

    private static void four(MemorySegment values, long first, int from, int to, int dim, float[] weights, float total,
            MemorySegment out, long at) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int t = from; t < to; t++) {
            long value = first + 4L * (t - from) * dim;
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

    private static void one(MemorySegment values, long first, int from, int to, int dim, float[] weights, float total,
            MemorySegment out, long at, VectorMask<Float> mask) {
        FloatVector sum = FloatVector.zero(F);
        for (int t = from; t < to; t++) {
            sum = FloatVector.broadcast(F, weights[t]).fma(load(values, first + 4L * (t - from) * dim, mask), sum);
        }
        sum.div(total).intoMemorySegment(out, at, LE, mask);
    }
}
