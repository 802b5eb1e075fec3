// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Activation;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Elementwise functions; a lane's result does not depend on its place, so rows may be run together.
final class VectorActivation implements Activation {
    private static final VectorSpecies<Double> D = F.withLanes(double.class);
    private static final int GRAIN_FLOATS = 1 << 14;
    private final Workers workers;
    private final Space[] spaces;

    VectorActivation(Workers workers, Space[] spaces) {
        this.workers = workers;
        this.spaces = spaces;
    }

    @Override
    public void swiglu(Tensor gate, Tensor up, Tensor y) {
        Shapes.same(gate, up, y);
        if (gate.rows() <= grain(gate.cols())) { // one range: no job to allocate
            swiglu(gate.data(), up.data(), y.data(), 0, 4L * gate.rows() * gate.cols());
            return;
        }
        workers.parallel(gate.rows(), grain(gate.cols()), (worker, from, to) ->
                swiglu(gate.data(), up.data(), y.data(), 4L * from * gate.cols(), 4L * to * gate.cols()));
    }

    private static void swiglu(MemorySegment gate, MemorySegment up, MemorySegment y, long from, long to) {
        long at = from;
        for (; at <= to - 4 * L; at += 4 * L) silu(load(gate, at)).mul(load(up, at)).intoMemorySegment(y, at, LE);
        if (at == to) return;
        VectorMask<Float> rest = Lanes.first((int) (to - at) / 4);
        silu(load(gate, at, rest)).mul(load(up, at, rest)).intoMemorySegment(y, at, LE, rest);
    }

    private static FloatVector silu(FloatVector g) {
        return g.div(Lanes.exp(g.neg()).add(1));
    }

    @Override
    public void axpy(float alpha, Tensor x, Tensor y) {
        Shapes.same(x, y);
        if (x.rows() <= grain(x.cols())) {
            axpy(alpha, x.data(), y.data(), 0, 4L * x.rows() * x.cols());
            return;
        }
        workers.parallel(x.rows(), grain(x.cols()), (worker, from, to) ->
                axpy(alpha, x.data(), y.data(), 4L * from * x.cols(), 4L * to * x.cols()));
    }

    private static void axpy(float alpha, MemorySegment x, MemorySegment y, long from, long to) {
        FloatVector factor = FloatVector.broadcast(F, alpha);
        long at = from;
        for (; at <= to - 4 * L; at += 4 * L) factor.fma(load(x, at), load(y, at)).intoMemorySegment(y, at, LE);
        if (at == to) return;
        VectorMask<Float> rest = Lanes.first((int) (to - at) / 4);
        factor.fma(load(x, at, rest), load(y, at, rest)).intoMemorySegment(y, at, LE, rest);
    }

    @Override
    public void logSoftmax(Tensor x) {
        Shapes.same(x);
        int v = x.cols();
        workers.parallel(x.rows(), grain(v), (worker, from, to) -> {
            float[] lanes = spaces[worker].sums;
            double[] doubles = spaces[worker].doubles;
            for (int t = from; t < to; t++) {
                long at = 4L * t * v;
                float max = max(x.data(), at, v, lanes);
                double sum = expSum(x.data(), at, v, max, doubles);
                subtract(x.data(), at, v, max, (float) Math.log(sum));
            }
        });
    }

    private static float max(MemorySegment x, long at, int v, float[] lanes) {
        FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i <= v - L; i += L) max = max.max(load(x, at + 4L * i));
        if (i < v) {
            VectorMask<Float> rest = Lanes.first(v - i);
            max = max.lanewise(VectorOperators.MAX, load(x, at + 4L * i, rest), rest);
        }
        max.intoArray(lanes, 0);
        return Lanes.max(lanes, 0);
    }

    /// Sum of exp(x - max) in double, in a fixed order.
    private static double expSum(MemorySegment x, long at, int v, float max, double[] lanes) {
        DoubleVector low = DoubleVector.zero(D);
        DoubleVector high = DoubleVector.zero(D);
        int i = 0;
        for (; i <= v - L; i += L) {
            FloatVector e = Lanes.exp(load(x, at + 4L * i).sub(max));
            low = low.add(e.convertShape(VectorOperators.F2D, D, 0));
            high = high.add(e.convertShape(VectorOperators.F2D, D, 1));
        }
        if (i < v) {
            VectorMask<Float> rest = Lanes.first(v - i);
            FloatVector e = FloatVector.zero(F).blend(Lanes.exp(load(x, at + 4L * i, rest).sub(max)), rest);
            low = low.add(e.convertShape(VectorOperators.F2D, D, 0));
            high = high.add(e.convertShape(VectorOperators.F2D, D, 1));
        }
        low.add(high).intoArray(lanes, 0);
        double sum = 0;
        for (int lane = 0; lane < D.length(); lane++) sum += lanes[lane];
        return sum;
    }

    private static void subtract(MemorySegment x, long at, int v, float max, float logSum) {
        int i = 0;
        for (; i <= v - L; i += L) load(x, at + 4L * i).sub(max).sub(logSum).intoMemorySegment(x, at + 4L * i, LE);
        if (i == v) return;
        VectorMask<Float> rest = Lanes.first(v - i);
        load(x, at + 4L * i, rest).sub(max).sub(logSum).intoMemorySegment(x, at + 4L * i, LE, rest);
    }

    private static int grain(int width) {
        return Math.max(1, GRAIN_FLOATS / Math.max(1, width));
    }
}
