// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Norm;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// RMS norm, a row at a time: two interleaved sums of squares, then the scaled row.
final class VectorNorm implements Norm {
    private static final int GRAIN_FLOATS = 1 << 15;
    private final Workers workers;
    private final Space[] spaces;

    VectorNorm(Workers workers, Space[] spaces) {
        this.workers = workers;
        this.spaces = spaces;
    }

    @Override
    public void rms(Tensor x, Tensor weight, float eps, float offset, Tensor y) {
        // x, y (T, H), weight (H)
        Shapes.rms(x, weight, y);
        int h = x.cols();
        workers.parallel(x.rows(), Math.max(1, GRAIN_FLOATS / Math.max(1, h)), (worker, from, to) -> {
            float[] lanes = spaces[worker].sums;
            for (int t = from; t < to; t++) {
                long at = 4L * t * h;
                float squares = squares(x.data(), at, h, lanes);
                float factor = (float) (1 / Math.sqrt((double) squares / h + eps));
                if (weight == null) {
                    scale(x.data(), at, h, factor, y.data());
                } else {
                    scale(x.data(), at, h, factor, weight.data(), offset, y.data());
                }
            }
        });
    }

    private static float squares(MemorySegment x, long at, int h, float[] lanes) {
        FloatVector even = FloatVector.zero(F);
        FloatVector odd = FloatVector.zero(F);
        int i = 0;
        for (; i <= h - 2 * L; i += 2 * L) {
            FloatVector a = load(x, at + 4L * i);
            FloatVector b = load(x, at + 4L * (i + L));
            even = a.fma(a, even);
            odd = b.fma(b, odd);
        }
        for (; i < h; i += L) {
            FloatVector a = load(x, at + 4L * i, Lanes.first(h - i));
            even = a.fma(a, even);
        }
        even.add(odd).intoArray(lanes, 0);
        return Lanes.sum(lanes, 0);
    }

    private static void scale(MemorySegment x, long at, int h, float factor, MemorySegment y) {
        int i = 0;
        for (; i <= h - L; i += L) load(x, at + 4L * i).mul(factor).intoMemorySegment(y, at + 4L * i, LE);
        if (i == h) return;
        VectorMask<Float> rest = Lanes.first(h - i);
        load(x, at + 4L * i, rest).mul(factor).intoMemorySegment(y, at + 4L * i, LE, rest);
    }

    private static void scale(MemorySegment x, long at, int h, float factor, MemorySegment weight, float offset,
            MemorySegment y) {
        int i = 0;
        for (; i <= h - L; i += L) {
            load(x, at + 4L * i).mul(factor).mul(load(weight, 4L * i).add(offset)).intoMemorySegment(y, at + 4L * i, LE);
        }
        if (i == h) return;
        VectorMask<Float> rest = Lanes.first(h - i);
        load(x, at + 4L * i, rest).mul(factor).mul(load(weight, 4L * i, rest).add(offset))
                .intoMemorySegment(y, at + 4L * i, LE, rest);
    }
}
