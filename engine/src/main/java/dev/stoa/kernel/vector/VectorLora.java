// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Lora;
import dev.stoa.kernel.LowRankPhases;
import dev.stoa.kernel.LowRankPhases.Job;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Low-rank updates with the Vector API. Each worker decodes the part of the factors that it needs: rows of a, and panels
/// of b turned so that outputs lie side by side. A row's arithmetic does not depend on the other rows.
final class VectorLora implements Lora, LowRankPhases.Products {
    private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, VectorShape.forBitSize(16 * L));
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);
    private static final int RANKS = LowRankPhases.RANKS;
    /// Panels whose reading of u is shared.
    private static final int PANELS = 4;

    /// What one worker decodes: four rows of a, panels of b as stored and turned, and where a panel's rows begin.
    private static final class Decoded {
        float[] rows = {};
        float[] block = {};
        float[] panels = {};
        int[] starts = new int[L];
    }

    private final Space[] spaces;
    private final Decoded[] decoded;
    private final LowRankPhases phases;
    private final ReentrantLock turn = new ReentrantLock();
    private float[] sums = {};
    private Tensor x;
    private Tensor[] ys;

    VectorLora(Workers workers, Space[] spaces) {
        this.spaces = spaces;
        this.phases = new LowRankPhases(workers, this);
        this.decoded = new Decoded[workers.threads()];
        for (int i = 0; i < decoded.length; i++) decoded[i] = new Decoded();
    }

    @Override
    public void apply(Tensor x, Segment[][] segments, Tensor[] ys) {
        // x (T, K), ys[m] (T, N), a (R, K), b (N, R)
        for (int m = 0; m < ys.length; m++) Shapes.lora(x, segments[m], ys[m]);
        turn.lock();
        try {
            if (!phases.prepare(segments, ys)) return;
            this.x = x;
            this.ys = ys;
            if (sums.length < phases.sums()) sums = new float[2 * phases.sums()];
            phases.run();
        } finally {
            phases.clear();
            this.x = null;
            this.ys = null;
            turn.unlock();
        }
    }

    @Override
    public void down(int worker, Job job, int fromRank, int toRank, int first, int last) {
        int k = x.cols();
        int padded = (k + L - 1) / L * L;
        Decoded own = decoded[worker];
        if (own.rows.length < RANKS * padded) own.rows = new float[RANKS * padded];
        float[] lanes = spaces[worker].sums;
        Segment segment = job.segment();
        for (int r = fromRank; r < toRank; r += RANKS) {
            for (int i = 0; i < RANKS; i++) {
                if (r + i < toRank) decode(segment.a(), r + i, 1, own.rows, i * padded);
                Arrays.fill(own.rows, i * padded + (r + i < toRank ? k : 0), (i + 1) * padded, 0);
            }
            for (int row = first; row < last; row++) {
                four(x.data(), 4L * segment.rows()[row] * k, k, own.rows, padded, lanes);
                for (int i = 0; i < RANKS; i++) sums[job.sums() + row * job.stride() + r + i] = Lanes.sum(lanes, i * L);
            }
        }
    }

    private static void four(MemorySegment x, long at, int k, float[] rows, int stride, float[] lanes) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < k; i += L) {
            FloatVector v = i <= k - L ? load(x, at + 4L * i) : load(x, at + 4L * i, Lanes.first(k - i));
            a = v.fma(FloatVector.fromArray(F, rows, i), a);
            b = v.fma(FloatVector.fromArray(F, rows, stride + i), b);
            c = v.fma(FloatVector.fromArray(F, rows, 2 * stride + i), c);
            d = v.fma(FloatVector.fromArray(F, rows, 3 * stride + i), d);
        }
        a.intoArray(lanes, 0);
        b.intoArray(lanes, L);
        c.intoArray(lanes, 2 * L);
        d.intoArray(lanes, 3 * L);
    }

    @Override
    public void up(int worker, Job job, int from, int to) {
        Segment segment = job.segment();
        Tensor y = ys[job.module()];
        int n = y.cols();
        int rank = segment.a().rows();
        Decoded own = decoded[worker];
        if (own.block.length < L * rank) own.block = new float[L * rank];
        if (own.panels.length < PANELS * L * rank) own.panels = new float[PANELS * L * rank];
        for (int l = 0; l < L; l++) own.starts[l] = l * rank;
        int last = Math.min(n, to * LowRankPhases.PANEL);
        for (int j = from * LowRankPhases.PANEL; j < last; j += PANELS * L) {
            int width = Math.min(last - j, PANELS * L);
            for (int p = 0; p * L < width; p++) panel(own, segment.b(), j + p * L, Math.min(L, width - p * L), rank, p * L * rank);
            for (int i = 0; i < segment.rows().length; i++) {
                int u = job.sums() + i * job.stride();
                long at = 4 * ((long) segment.rows()[i] * n + j);
                if (width == PANELS * L) {
                    addFour(own.panels, rank, u, segment.factor(), y.data(), at);
                } else {
                    for (int p = 0; p * L < width; p++) add(own.panels, p * L * rank, rank, u, segment.factor(), y.data(), at + 4L * p * L, width - p * L);
                }
            }
        }
    }

    /// panels[at + r L + l] = b[first + l][r]; lanes from `count` on are zero.
    private static void panel(Decoded own, Tensor b, int first, int count, int rank, int at) {
        decode(b, first, count, own.block, 0);
        Arrays.fill(own.block, count * rank, L * rank, 0);
        for (int r = 0; r < rank; r++) FloatVector.fromArray(F, own.block, r, own.starts, 0).intoArray(own.panels, at + r * L);
    }

    private void addFour(float[] panels, int rank, int u, float factor, MemorySegment y, long at) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int panel = rank * L;
        for (int r = 0; r < rank; r++) {
            FloatVector v = FloatVector.broadcast(F, sums[u + r]);
            a = v.fma(FloatVector.fromArray(F, panels, r * L), a);
            b = v.fma(FloatVector.fromArray(F, panels, panel + r * L), b);
            c = v.fma(FloatVector.fromArray(F, panels, 2 * panel + r * L), c);
            d = v.fma(FloatVector.fromArray(F, panels, 3 * panel + r * L), d);
        }
        FloatVector scale = FloatVector.broadcast(F, factor);
        scale.fma(a, load(y, at)).intoMemorySegment(y, at, LE);
        scale.fma(b, load(y, at + 4 * L)).intoMemorySegment(y, at + 4 * L, LE);
        scale.fma(c, load(y, at + 8 * L)).intoMemorySegment(y, at + 8 * L, LE);
        scale.fma(d, load(y, at + 12 * L)).intoMemorySegment(y, at + 12 * L, LE);
    }

    private void add(float[] panels, int from, int rank, int u, float factor, MemorySegment y, long at, int left) {
        FloatVector sum = FloatVector.zero(F);
        for (int r = 0; r < rank; r++) sum = FloatVector.broadcast(F, sums[u + r]).fma(FloatVector.fromArray(F, panels, from + r * L), sum);
        VectorMask<Float> mask = Lanes.first(left);
        FloatVector.broadcast(F, factor).fma(sum, load(y, at, mask)).intoMemorySegment(y, at, LE, mask);
    }

    /// Rows [row, row + count) of a factor.
    private static void decode(Tensor factor, int row, int count, float[] out, int from) {
        int cols = factor.cols();
        long first = (long) row * cols;
        if (factor.dtype() == DType.F32) {
            MemorySegment.copy(factor.data(), Tensor.FLOAT, 4 * first, out, from, count * cols);
        } else if (factor.dtype() == DType.BF16) {
            upperHalves(factor.data(), 2 * first, out, from, count * cols);
        } else {
            for (int i = 0; i < count; i++) Quant.decodeRow(factor, row + i, out, from + i * cols);
        }
    }

    private static void upperHalves(MemorySegment data, long at, float[] out, int from, int count) {
        int i = 0;
        for (; i <= count - L; i += L) {
            ShortVector.fromMemorySegment(SHORTS, data, at + 2L * i, LE).convertShape(VectorOperators.ZERO_EXTEND_S2I, Lanes.INTS, 0)
                    .reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, from + i);
        }
        for (; i < count; i++) out[from + i] = Float.intBitsToFloat(data.get(SHORT, at + 2L * i) << 16);
    }
}
