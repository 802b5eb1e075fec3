// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Workers;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// y (M, N) = x (M, K) * Wt for a weight that stays in its own format where it lies: four of its rows at a time are
/// decoded into scratch and multiplied with every row of x. A mutable job that is set up once per call.
///
/// Every output is L chains of multiply-adds, lane l over k = l, l + L, …, summed as a balanced tree: the same bits for any
/// number of rows, any tile and any split among threads. (Not those of [Product], whose sums run along k.)
final class MappedProduct implements Workers.Range {
    private static final int HEIGHT = 4;
    private static final long GRAIN = 1 << 18;

    private final Workers workers;
    private final Space[] spaces;

    // The current call.
    private Tensor w;
    private MemorySegment x;
    private MemorySegment y;
    private int m;
    private int n;
    private int k;
    private boolean accumulate;

    MappedProduct(Workers workers, Space[] spaces) {
        this.workers = workers;
        this.spaces = spaces;
    }

    void run(Tensor x, Tensor w, Tensor y, boolean accumulate) {
        this.w = w;
        this.x = x.data();
        this.y = y.data();
        this.m = x.rows();
        this.n = w.rows();
        this.k = w.cols();
        this.accumulate = accumulate;
        int groups = (n + HEIGHT - 1) / HEIGHT;
        workers.parallel(groups, (int) Math.max(1, GRAIN / ((long) HEIGHT * Math.max(1, k) * (m + 4L))), this);
        this.w = null;
        this.x = null;
        this.y = null;
    }

    @Override
    public void run(int worker, int from, int to) {
        int stride = (k + L - 1) / L * L;
        float[] rows = spaces[worker].rows(HEIGHT * stride);
        float[] sums = spaces[worker].sums;
        VectorMask<Float> tail = Lanes.first(k % L);
        for (int group = from; group < to; group++) {
            int row = group * HEIGHT;
            int count = Math.min(HEIGHT, n - row);
            for (int i = 0; i < HEIGHT; i++) {
                if (i < count) Quant.decodeRow(w, row + i, rows, i * stride);
                Arrays.fill(rows, i * stride + (i < count ? k : 0), (i + 1) * stride, 0);
            }
            int i = 0;
            for (; i + 2 <= m; i += 2) {
                pair(x, 4L * i * k, k, tail, rows, stride, sums);
                finish(sums, 0, i, row, count);
                finish(sums, HEIGHT * L, i + 1, row, count);
            }
            if (i < m) {
                one(x, 4L * i * k, k, tail, rows, stride, sums);
                finish(sums, 0, i, row, count);
            }
        }
    }

    private void finish(float[] sums, int at, int i, int row, int count) {
        for (int j = 0; j < count; j++) {
            long to = 4 * ((long) i * n + row + j);
            float sum = Lanes.sum(sums, at + j * L);
            y.set(Tensor.FLOAT, to, accumulate ? y.get(Tensor.FLOAT, to) + sum : sum);
        }
    }

    /// One row of x with four rows of w.
    private static void one(MemorySegment x, long at, int k, VectorMask<Float> tail, float[] w, int stride, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0 = zero, c1 = zero, c2 = zero, c3 = zero;
        int p = 0;
        for (; p <= k - L; p += L) {
            FloatVector a = load(x, at + 4L * p);
            c0 = a.fma(FloatVector.fromArray(F, w, p), c0);
            c1 = a.fma(FloatVector.fromArray(F, w, stride + p), c1);
            c2 = a.fma(FloatVector.fromArray(F, w, 2 * stride + p), c2);
            c3 = a.fma(FloatVector.fromArray(F, w, 3 * stride + p), c3);
        }
        if (p < k) {
            FloatVector a = load(x, at + 4L * p, tail);
            c0 = a.fma(FloatVector.fromArray(F, w, p), c0);
            c1 = a.fma(FloatVector.fromArray(F, w, stride + p), c1);
            c2 = a.fma(FloatVector.fromArray(F, w, 2 * stride + p), c2);
            c3 = a.fma(FloatVector.fromArray(F, w, 3 * stride + p), c3);
        }
        c0.intoArray(out, 0);
        c1.intoArray(out, L);
        c2.intoArray(out, 2 * L);
        c3.intoArray(out, 3 * L);
    }

    /// Two rows of x with four rows of w: eight sums and their operands fit sixteen registers.
    private static void pair(MemorySegment x, long at, int k, VectorMask<Float> tail, float[] w, int stride, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0 = zero, c1 = zero, c2 = zero, c3 = zero;
        FloatVector d0 = zero, d1 = zero, d2 = zero, d3 = zero;
        long next = at + 4L * k;
        int p = 0;
        for (; p <= k - L; p += L) {
            FloatVector a = load(x, at + 4L * p);
            FloatVector b = load(x, next + 4L * p);
            FloatVector v = FloatVector.fromArray(F, w, p);
            c0 = a.fma(v, c0);
            d0 = b.fma(v, d0);
            v = FloatVector.fromArray(F, w, stride + p);
            c1 = a.fma(v, c1);
            d1 = b.fma(v, d1);
            v = FloatVector.fromArray(F, w, 2 * stride + p);
            c2 = a.fma(v, c2);
            d2 = b.fma(v, d2);
            v = FloatVector.fromArray(F, w, 3 * stride + p);
            c3 = a.fma(v, c3);
            d3 = b.fma(v, d3);
        }
        if (p < k) {
            FloatVector a = load(x, at + 4L * p, tail);
            FloatVector b = load(x, next + 4L * p, tail);
            FloatVector v = FloatVector.fromArray(F, w, p);
            c0 = a.fma(v, c0);
            d0 = b.fma(v, d0);
            v = FloatVector.fromArray(F, w, stride + p);
            c1 = a.fma(v, c1);
            d1 = b.fma(v, d1);
            v = FloatVector.fromArray(F, w, 2 * stride + p);
            c2 = a.fma(v, c2);
            d2 = b.fma(v, d2);
            v = FloatVector.fromArray(F, w, 3 * stride + p);
            c3 = a.fma(v, c3);
            d3 = b.fma(v, d3);
        }
        c0.intoArray(out, 0);
        c1.intoArray(out, L);
        c2.intoArray(out, 2 * L);
        c3.intoArray(out, 3 * L);
        d0.intoArray(out, 4 * L);
        d1.intoArray(out, 5 * L);
        d2.intoArray(out, 6 * L);
        d3.intoArray(out, 7 * L);
    }
}
