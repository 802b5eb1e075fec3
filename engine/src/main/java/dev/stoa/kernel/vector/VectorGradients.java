// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Gradients;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Training gradients over the lanes of a row. Sums over rows are split by columns, so each column's sum runs over the
/// rows in order on one thread.
final class VectorGradients implements Gradients {
    private final Workers workers;

    VectorGradients(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void rms(Tensor x, Tensor weight, float eps, float offset, Tensor dy, Tensor dx, boolean accumulate,
            Tensor dWeight, Tensor inverse) {
        Shapes.same(x, dy);
        int width = x.cols();
        MemorySegment w = weight == null ? null : weight.data();
        workers.parallel(x.rows(), 16, (worker, from, to) -> {
            float[] sums = new float[2 * L];
            for (int row = from; row < to; row++) {
                long at = 4L * row * width;
                rmsSums(x.data(), dy.data(), w, offset, at, width, sums);
                float r = (float) (1 / Math.sqrt(Lanes.sum(sums, 0) / width + (double) eps));
                inverse.set(row, r);
                if (dx == null) continue;
                float pull = (float) ((double) r * r * r * Lanes.sum(sums, L) / width);
                rmsRow(x.data(), dy.data(), w, offset, r, pull, at, width, accumulate, dx.data());
            }
        });
        if (dWeight == null) return;
        int rows = x.rows();
        workers.parallel((width + L - 1) / L, 1, (worker, from, to) -> {
            for (int chunk = from; chunk < to; chunk++) {
                weightColumns(x.data(), dy.data(), inverse.data(), rows, width, chunk * L, dWeight.data());
            }
        });
    }

    /// Sums of x^2 and of x * dy * (w + offset) of one row.
    private static void rmsSums(MemorySegment x, MemorySegment dy, MemorySegment w, float offset, long at, int width, float[] sums) {
        FloatVector squares = FloatVector.zero(F), dot = FloatVector.zero(F);
        int i = 0;
        for (; i <= width - L; i += L) {
            FloatVector value = load(x, at + 4L * i), g = load(dy, at + 4L * i);
            if (w != null) g = g.mul(load(w, 4L * i).add(offset));
            squares = value.fma(value, squares);
            dot = value.fma(g, dot);
        }
        if (i < width) {
            VectorMask<Float> mask = Lanes.first(width - i);
            FloatVector value = load(x, at + 4L * i, mask), g = load(dy, at + 4L * i, mask);
            if (w != null) g = g.mul(load(w, 4L * i, mask).add(offset));
            squares = value.fma(value, squares);
            dot = value.fma(g, dot);
        }
        squares.intoArray(sums, 0);
        dot.intoArray(sums, L);
    }

    private static void rmsRow(MemorySegment x, MemorySegment dy, MemorySegment w, float offset, float r, float pull, long at,
            int width, boolean accumulate, MemorySegment dx) {
        int i = 0;
        for (; i <= width - L; i += L) {
            FloatVector g = load(dy, at + 4L * i);
            if (w != null) g = g.mul(load(w, 4L * i).add(offset));
            FloatVector value = g.mul(r).sub(load(x, at + 4L * i).mul(pull));
            if (accumulate) value = value.add(load(dx, at + 4L * i));
            value.intoMemorySegment(dx, at + 4L * i, LE);
        }
        if (i == width) return;
        VectorMask<Float> mask = Lanes.first(width - i);
        FloatVector g = load(dy, at + 4L * i, mask);
        if (w != null) g = g.mul(load(w, 4L * i, mask).add(offset));
        FloatVector value = g.mul(r).sub(load(x, at + 4L * i, mask).mul(pull));
        if (accumulate) value = value.add(load(dx, at + 4L * i, mask));
        value.intoMemorySegment(dx, at + 4L * i, LE, mask);
    }

    private static void weightColumns(MemorySegment x, MemorySegment dy, MemorySegment inverse, int rows, int width, int column,
            MemorySegment out) {
        VectorMask<Float> mask = F.indexInRange(column, width);
        FloatVector total = load(out, 4L * column, mask);
        for (int block = 0; block < rows; block += BLOCK) {
            FloatVector sum = FloatVector.zero(F);
            for (int row = block; row < Math.min(rows, block + BLOCK); row++) {
                long at = 4L * ((long) row * width + column);
                FloatVector r = FloatVector.broadcast(F, inverse.get(Tensor.FLOAT, 4L * row));
                sum = load(x, at, mask).mul(r).fma(load(dy, at, mask), sum);
            }
            total = total.add(sum);
        }
        total.intoMemorySegment(out, 4L * column, LE, mask);
    }

    @Override
    public void swiglu(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
        Shapes.same(gate, up, dy, dGate, dUp);
        MemorySegment g = gate.data(), u = up.data(), d = dy.data(), toGate = dGate.data(), toUp = dUp.data();
        workers.parallel(Math.toIntExact(dy.elements()), 2048, (worker, from, to) -> {
            int i = from;
            for (; i <= to - L; i += L) swiglu(g, u, d, toGate, toUp, 4L * i);
            if (i < to) swiglu(g, u, d, toGate, toUp, 4L * i, Lanes.first(to - i));
        });
    }

    private static void swiglu(MemorySegment gate, MemorySegment up, MemorySegment dy, MemorySegment dGate, MemorySegment dUp, long at) {
        FloatVector g = load(gate, at), d = load(dy, at);
        FloatVector sigmoid = FloatVector.broadcast(F, 1).div(Lanes.exp(g.neg()).add(1));
        FloatVector silu = g.mul(sigmoid);
        FloatVector slope = sigmoid.add(silu.mul(sigmoid.neg().add(1)));
        FloatVector u = load(up, at);
        d.mul(silu).intoMemorySegment(dUp, at, LE);
        d.mul(u).mul(slope).intoMemorySegment(dGate, at, LE);
    }

    private static void swiglu(MemorySegment gate, MemorySegment up, MemorySegment dy, MemorySegment dGate, MemorySegment dUp,
            long at, VectorMask<Float> mask) {
        FloatVector g = load(gate, at, mask), d = load(dy, at, mask);
        FloatVector sigmoid = FloatVector.broadcast(F, 1).div(Lanes.exp(g.neg()).add(1));
        FloatVector silu = g.mul(sigmoid);
        FloatVector slope = sigmoid.add(silu.mul(sigmoid.neg().add(1)));
        FloatVector u = load(up, at, mask);
        d.mul(silu).intoMemorySegment(dUp, at, LE, mask);
        d.mul(u).mul(slope).intoMemorySegment(dGate, at, LE, mask);
    }

    @Override
    public void lossRows(Tensor logits, Tensor base, int[] targets, float[] hard, float[] soft, boolean gradient,
            double[] nll, double[] kl, int[] best) {
        int vocab = logits.cols();
        workers.parallel(logits.rows(), 1, (worker, from, to) -> {
            LossRow row = new LossRow(vocab);
            for (int i = from; i < to; i++) {
                row.compute(logits.data(), base == null ? null : base.data(), i, targets[i], hard[i], soft[i], gradient);
                nll[i] = row.nll();
                kl[i] = row.kl();
                best[i] = row.best();
            }
        });
    }

    @Override
    public void columnSums(Tensor x, Tensor out) {
        int width = x.cols(), rows = x.rows();
        workers.parallel((width + L - 1) / L, 1, (worker, from, to) -> {
            for (int chunk = from; chunk < to; chunk++) sumColumns(x.data(), rows, width, chunk * L, out.data());
        });
    }

    private static void sumColumns(MemorySegment x, int rows, int width, int column, MemorySegment out) {
        VectorMask<Float> mask = F.indexInRange(column, width);
        FloatVector total = load(out, 4L * column, mask);
        for (int block = 0; block < rows; block += BLOCK) {
            FloatVector sum = FloatVector.zero(F);
            for (int row = block; row < Math.min(rows, block + BLOCK); row++) {
                sum = sum.add(load(x, 4L * ((long) row * width + column), mask));
            }
            total = total.add(sum);
        }
        total.intoMemorySegment(out, 4L * column, LE, mask);
    }

    @Override
    public void addRow(Tensor row, Tensor y) {
        int width = y.cols();
        workers.parallel(y.rows(), 16, (worker, from, to) -> {
            for (int r = from; r < to; r++) addScaled(row.data(), 0, 1, y.data(), 4L * r * width, 0, width);
        });
    }

    @Override
    public void gather(Tensor table, int[] rows, float scale, Tensor out) {
        int width = table.cols();
        workers.parallel(rows.length, 64, (worker, from, to) -> {
            for (int r = from; r < to; r++) {
                scaled(table.data(), 4L * rows[r] * width, scale, out.data(), 4L * r * width, width);
            }
        });
    }

    /// Split by columns: every worker goes through all rows in order.
    @Override
    public void scatterAdd(Tensor x, int[] rows, float scale, Tensor table) {
        int width = x.cols(), chunks = (width + L - 1) / L;
        workers.parallel(chunks, 1, (worker, from, to) -> {
            for (int r = 0; r < rows.length; r++) {
                addScaled(x.data(), 4L * r * width, scale, table.data(), 4L * rows[r] * width, from * L, Math.min(width, to * L));
            }
        });
    }

    private static void scaled(MemorySegment x, long at, float scale, MemorySegment out, long to, int width) {
        for (int i = 0; i < width; i += L) {
            VectorMask<Float> mask = F.indexInRange(i, width);
            load(x, at + 4L * i, mask).mul(scale).intoMemorySegment(out, to + 4L * i, LE, mask);
        }
    }

    /// y[from, end) += scale * x[from, end) of one row each.
    private static void addScaled(MemorySegment x, long at, float scale, MemorySegment y, long to, int from, int end) {
        FloatVector factor = FloatVector.broadcast(F, scale);
        for (int i = from; i < end; i += L) {
            VectorMask<Float> mask = F.indexInRange(i, end);
            load(x, at + 4L * i, mask).fma(factor, load(y, to + 4L * i, mask)).intoMemorySegment(y, to + 4L * i, LE, mask);
        }
    }
}
