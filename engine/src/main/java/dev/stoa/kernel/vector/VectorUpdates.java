// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Updates;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Optimizer arithmetic, one vector at a time; every element gets the same operations wherever a range is cut.
final class VectorUpdates implements Updates {
    private static final int GRAIN = 4096;
    private final Workers workers;

    VectorUpdates(Workers workers) {
        this.workers = workers;
    }

    @Override
    public void adamw(Tensor weight, Tensor gradient, Tensor m, Tensor v, Adam step) {
        Shapes.same(weight, gradient, m, v);
        MemorySegment w = weight.data(), g = gradient.data(), first = m.data(), second = v.data();
        each(weight, (worker, from, to) -> {
            for (int i = from; i < to; i += L) adamw(w, g, first, second, step, 4L * i, F.indexInRange(i, to));
        });
    }

    private static void adamw(MemorySegment weight, MemorySegment gradient, MemorySegment first, MemorySegment second, Adam step,
            long at, VectorMask<Float> mask) {
        FloatVector g = load(gradient, at, mask).mul(step.gradientScale());
        FloatVector m = load(first, at, mask).mul(step.beta1()).add(g.mul(1 - step.beta1()));
        FloatVector v = load(second, at, mask).mul(step.beta2()).add(g.mul(1 - step.beta2()).mul(g));
        m.intoMemorySegment(first, at, LE, mask);
        v.intoMemorySegment(second, at, LE, mask);
        FloatVector change = m.div(step.correction1()).div(v.div(step.correction2()).sqrt().add(step.epsilon()));
        load(weight, at, mask).mul(1 - step.rate() * step.decay()).sub(change.mul(step.rate()))
                .intoMemorySegment(weight, at, LE, mask);
    }

    @Override
    public void nesterov(Tensor gradient, float scale, float momentum, Tensor buffer, Tensor update) {
        Shapes.same(gradient, buffer, update);
        MemorySegment source = gradient.data(), kept = buffer.data(), out = update.data();
        each(gradient, (worker, from, to) -> {
            for (int i = from; i < to; i += L) {
                VectorMask<Float> mask = F.indexInRange(i, to);
                FloatVector g = load(source, 4L * i, mask).mul(scale);
                FloatVector b = load(kept, 4L * i, mask).mul(momentum).add(g);
                b.intoMemorySegment(kept, 4L * i, LE, mask);
                b.mul(momentum).add(g).intoMemorySegment(out, 4L * i, LE, mask);
            }
        });
    }

    @Override
    public void axpby(float alpha, Tensor x, float beta, Tensor y) {
        Shapes.same(x, y);
        MemorySegment source = x.data(), target = y.data();
        each(x, (worker, from, to) -> {
            for (int i = from; i < to; i += L) {
                VectorMask<Float> mask = F.indexInRange(i, to);
                FloatVector value = load(source, 4L * i, mask).mul(alpha);
                if (beta != 0) value = value.add(load(target, 4L * i, mask).mul(beta));
                value.intoMemorySegment(target, 4L * i, LE, mask);
            }
        });
    }

    @Override
    public double sumSquares(Tensor x) {
        Shapes.f32("x", x);
        int count = Math.toIntExact(x.elements()), blocks = (count + GRAIN - 1) / GRAIN;
        double[] partial = new double[blocks];
        workers.parallel(blocks, 4, (worker, from, to) -> {
            float[] lanes = new float[L];
            for (int block = from; block < to; block++) {
                sumSquares(x.data(), block * GRAIN, Math.min(count, (block + 1) * GRAIN), lanes);
                for (float lane : lanes) partial[block] += lane;
            }
        });
        double sum = 0;
        for (double value : partial) sum += value;
        return sum;
    }

    private static void sumSquares(MemorySegment x, int from, int to, float[] lanes) {
        FloatVector even = FloatVector.zero(F), odd = FloatVector.zero(F);
        int i = from;
        for (; i + 2 * L <= to; i += 2 * L) {
            FloatVector a = load(x, 4L * i), b = load(x, 4L * (i + L));
            even = a.fma(a, even);
            odd = b.fma(b, odd);
        }
        for (; i < to; i += L) {
            FloatVector a = load(x, 4L * i, F.indexInRange(i, to));
            even = a.fma(a, even);
        }
        even.add(odd).intoArray(lanes, 0);
    }

    private void each(Tensor shape, Workers.Range range) {
        workers.parallel(Math.toIntExact(shape.elements()), GRAIN, range);
    }
}
