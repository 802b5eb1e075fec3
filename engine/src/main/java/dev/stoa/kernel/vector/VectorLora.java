// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Lora;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Low-rank updates, one segment after another: b is transposed once per segment, then each row computes u = a x and
/// adds b u. A row's arithmetic does not depend on the other rows of its segment.
final class VectorLora implements Lora {
    /// Multiply-adds that make a second thread worth waking.
    private static final int GRAIN = 1 << 16;
    private final Workers workers;
    private final Space[] spaces;
    private final ReentrantLock turn = new ReentrantLock();
    /// a (R, K) and the transpose of b (R, N padded to L) of the current segment.
    private float[] down = new float[0];
    private float[] up = new float[0];
    private float[] row = new float[0];

    VectorLora(Workers workers, Space[] spaces) {
        this.workers = workers;
        this.spaces = spaces;
    }

    @Override
    public void apply(Tensor x, Segment[] segments, Tensor y) {
        // x (T, K), y (T, N), a (R, K), b (N, R)
        Shapes.lora(x, segments, y);
        turn.lock();
        try {
            for (Segment segment : segments) {
                if (segment.rows().length > 0 && y.cols() > 0) apply(x, segment, y);
            }
        } finally {
            turn.unlock();
        }
    }

    private void apply(Tensor x, Segment segment, Tensor y) {
        int rank = segment.a().rows();
        int k = x.cols();
        int n = y.cols();
        int padded = (n + L - 1) / L * L;
        int paddedK = (k + L - 1) / L * L;
        stage(segment, rank, k, paddedK, n, padded);
        int work = Math.max(1, rank * (paddedK + padded));
        workers.parallel(segment.rows().length, Math.max(1, GRAIN / work), (worker, from, to) -> {
            Space space = spaces[worker];
            float[] u = space.scores(rank + 4);
            for (int i = from; i < to; i++) {
                long t = segment.rows()[i];
                project(x.data(), 4 * t * k, k, paddedK, rank, u, space.sums);
                expand(y.data(), 4 * t * n, n, padded, rank, u, segment.factor());
            }
        });
    }

    /// Copies a, rows padded with zeros to whole vectors, and b transposed. The heap copies make every format of the
    /// factors one code path; for one row they cost about as much as the products themselves.
    private void stage(Segment segment, int rank, int k, int paddedK, int n, int padded) {
        int rows = (rank + 3) / 4 * 4;
        if (down.length < rows * paddedK) down = new float[rows * paddedK];
        if (up.length < rank * padded) up = new float[rank * padded];
        if (row.length < rank) row = new float[rank];
        for (int r = 0; r < rows; r++) {
            if (r < rank) decode(segment.a(), r, down, r * paddedK);
            Arrays.fill(down, r * paddedK + (r < rank ? k : 0), (r + 1) * paddedK, 0);
        }
        for (int j = 0; j < n; j++) {
            decode(segment.b(), j, row, 0);
            for (int r = 0; r < rank; r++) up[r * padded + j] = row[r];
        }
        for (int r = 0; r < rank; r++) Arrays.fill(up, r * padded + n, (r + 1) * padded, 0);
    }

    private static void decode(Tensor factor, int row, float[] out, int from) {
        if (factor.dtype() == DType.F32) {
            int cols = factor.cols();
            MemorySegment.copy(factor.data(), Tensor.FLOAT, 4L * row * cols, out, from, cols);
        } else {
            Quant.decodeRow(factor, row, out, from);
        }
    }

    /// u[r] = a[r] . x for four r at a time.
    private void project(MemorySegment x, long at, int k, int paddedK, int rank, float[] u, float[] lanes) {
        for (int r = 0; r < rank; r += 4) {
            four(x, at, k, r * paddedK, paddedK, lanes);
            for (int i = 0; i < 4; i++) u[r + i] = Lanes.sum(lanes, i * L);
        }
    }

    private void four(MemorySegment x, long at, int k, int from, int stride, float[] lanes) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < k; i += L) {
            FloatVector v = i <= k - L ? load(x, at + 4L * i) : load(x, at + 4L * i, Lanes.first(k - i));
            a = v.fma(FloatVector.fromArray(F, down, from + i), a);
            b = v.fma(FloatVector.fromArray(F, down, from + stride + i), b);
            c = v.fma(FloatVector.fromArray(F, down, from + 2 * stride + i), c);
            d = v.fma(FloatVector.fromArray(F, down, from + 3 * stride + i), d);
        }
        a.intoArray(lanes, 0);
        b.intoArray(lanes, L);
        c.intoArray(lanes, 2 * L);
        d.intoArray(lanes, 3 * L);
    }

    private void expand(MemorySegment y, long at, int n, int padded, int rank, float[] u, float factor) {
        for (int j = 0; j < n; j += L) {
            FloatVector sum = FloatVector.zero(F);
            for (int r = 0; r < rank; r++) {
                sum = FloatVector.broadcast(F, u[r]).fma(FloatVector.fromArray(F, up, r * padded + j), sum);
            }
            FloatVector scale = FloatVector.broadcast(F, factor);
            if (j <= n - L) {
                scale.fma(sum, load(y, at + 4L * j)).intoMemorySegment(y, at + 4L * j, LE);
            } else {
                VectorMask<Float> rest = Lanes.first(n - j);
                scale.fma(sum, load(y, at + 4L * j, rest)).intoMemorySegment(y, at + 4L * j, LE, rest);
            }
        }
    }
}
