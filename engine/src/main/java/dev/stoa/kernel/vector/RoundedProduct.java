// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;

import dev.stoa.kernel.Workers;
import dev.stoa.kernel.integer.IntegerFormat;
import dev.stoa.kernel.integer.RepackedWeight;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// y (M, N) = x (M, K) * Wt for a repacked weight, by integer dot products. A mutable job that is set up once per call.
/// Threads share out groups of 16 outputs, never k; per group, L rows at a time: scales to floats, dots ([RoundedTile]) of
/// a tile of rows to scratch, then the scaled sum along k.
final class RoundedProduct implements Workers.Range {
    private static final long GRAIN = 1 << 18;

    private final Workers workers;
    private final RoundedRows rows = new RoundedRows();
    private final Scratch[] scratch;
    private final Workers.Range rounding = this::round;

    // The current call.
    private MemorySegment x;
    private RepackedWeight w;
    private MemorySegment y;
    private int m;
    private int n;
    private int blocks;
    private boolean accumulate;

    /// What one worker needs: dots of a tile, scales and minima of L rows.
    private static final class Scratch {
        final int[] quants = new int[32];
        short[] dots = {};
        float[] scales = {};
        float[] minima = {};

        void reserve(int blocks) {
            if (minima.length >= blocks * L) return;
            dots = new short[blocks * 2 * RoundedRows.TILE * 2 * L];
            scales = new float[blocks * 2 * L];
            minima = new float[blocks * L];
        }
    }

    RoundedProduct(Workers workers) {
        this.workers = workers;
        this.scratch = new Scratch[workers.threads()];
        for (int i = 0; i < scratch.length; i++) scratch[i] = new Scratch();
    }

    void run(Tensor x, RepackedWeight w, Tensor y, boolean accumulate) {
        this.x = x.data();
        this.w = w;
        this.y = y.data();
        this.m = x.rows();
        this.n = w.outputs();
        this.blocks = w.blocks();
        this.accumulate = accumulate;
        rows.reserve(m, blocks);
        workers.parallel(m, 8, rounding);
        long perGroup = Math.max(1, (long) m * blocks * IntegerFormat.BLOCK * IntegerFormat.ROWS);
        workers.parallel(w.groups(), Math.clamp(GRAIN / perGroup, 1, Integer.MAX_VALUE), this);
        this.x = null;
        this.w = null;
        this.y = null;
    }

    private void round(int worker, int from, int to) {
        for (int row = from; row < to; row++) rows.round(w.format(), x, row, m, blocks, scratch[worker].quants);
    }

    @Override
    public void run(int worker, int from, int to) {
        Scratch space = scratch[worker];
        space.reserve(blocks);
        for (int group = from; group < to; group++) {
            for (int lane = 0; lane < Math.min(IntegerFormat.ROWS, n - group * IntegerFormat.ROWS); lane += L) {
                long at = group * w.groupBytes();
                scales(at, lane, space);
                for (int row = 0, height; row < m; row += height) {
                    height = RoundedRows.height(row, m);
                    dots(at + 4L * lane, row, height, space.dots);
                    finish(row, height, group * IntegerFormat.ROWS + lane, space);
                }
            }
        }
    }

    /// Weight scales (and minima) of rows [lane, lane + L) of the group at byte `at`, as floats.
    private void scales(long at, int lane, Scratch space) {
        long scales = at + (long) blocks * w.format().quantBytes();
        long parents = scales + 32L * blocks + 2L * lane;
        switch (w.format()) {
            case Q4_0, Q8_0 -> RoundedScales.halves(w.data(), scales + 2L * lane, blocks, space.scales);
            case Q4_K -> {
                RoundedScales.unsigned(w.data(), scales + lane, 32, parents, 64, 8, blocks, space.scales);
                RoundedScales.unsigned(w.data(), scales + 16 + lane, 32, parents + 32, 64, 8, blocks, space.minima);
            }
            case Q6_K -> RoundedScales.signed(w.data(), scales + lane, 16, parents, 32, 16, 2 * blocks, space.scales);
        }
    }

    private void dots(long at, int row, int height, short[] out) {
        int[] pairs = rows.pairs;
        int[] starts = rows.starts;
        MemorySegment data = w.data();
        int first = row * blocks;
        switch (w.format()) {
            case Q4_0, Q4_K -> {
                if (height == 1) RoundedTile.nibbles1(data, at, blocks, pairs, 16 * first, starts, first, out);
                else RoundedTile.nibbles4(data, at, blocks, pairs, 16 * first, starts, first, out);
            }
            case Q8_0 -> {
                if (height == 1) {
                    RoundedTile.bytes1(data, at, blocks, pairs, 16 * first, starts, first, out);
                } else {
                    RoundedTile.bytes4(data, at, blocks, 0, pairs, 16 * first, starts, first, out);
                    RoundedTile.bytes4(data, at, blocks, 4, pairs, 16 * first, starts, first, out);
                }
            }
            case Q6_K -> {
                if (height == 1) RoundedTile.six1(data, at, 2 * blocks, pairs, 16 * first, starts, 2 * first, out);
                else RoundedTile.six4(data, at, 2 * blocks, pairs, 16 * first, starts, 2 * first, out);
            }
        }
    }

    /// The sums of a tile's rows for outputs [column, column + L).
    private void finish(int row, int height, int column, Scratch space) {
        for (int i = 0; i < height; i++) {
            int at = row * blocks + i;
            FloatVector sum = switch (w.format()) {
                case Q4_0 -> plain(space, i, height, blocks, rows.scales, at);
                case Q8_0 -> planes(space, i, height, blocks, rows.scales, at);
                case Q4_K -> minima(space, i, height, blocks, rows.scales, rows.sums, at);
                case Q6_K -> halves(space, i, height, blocks, rows.scales, at);
            };
            store(sum, 4 * ((long) (row + i) * n + column), Math.min(L, n - column));
        }
    }

    private void store(FloatVector sum, long to, int lanes) {
        if (lanes == L) {
            (accumulate ? load(y, to).add(sum) : sum).intoMemorySegment(y, to, LE);
            return;
        }
        VectorMask<Float> mask = Lanes.first(lanes);
        (accumulate ? load(y, to, mask).add(sum) : sum).intoMemorySegment(y, to, LE, mask);
    }

    private static FloatVector dot(short[] dots, int index) {
        return (FloatVector) RoundedTile.fold(dots, index * 2 * L).convert(VectorOperators.I2F, 0);
    }

    private static FloatVector plain(Scratch space, int i, int height, int blocks, float[] scales, int at) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            FloatVector scale = FloatVector.fromArray(F, space.scales, b * L).mul(scales[at + b * height]);
            sum = dot(space.dots, b * height + i).fma(scale, sum);
        }
        return sum;
    }

    private static FloatVector planes(Scratch space, int i, int height, int blocks, float[] scales, int at) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            FloatVector scale = FloatVector.fromArray(F, space.scales, b * L).mul(scales[at + b * height]);
            IntVector low = RoundedTile.fold(space.dots, (2 * b * height + i) * 2 * L);
            IntVector high = RoundedTile.fold(space.dots, ((2 * b + 1) * height + i) * 2 * L);
            FloatVector dot = (FloatVector) low.add(high.lanewise(VectorOperators.LSHL, 4)).convert(VectorOperators.I2F, 0);
            sum = dot.fma(scale, sum);
        }
        return sum;
    }

    private static FloatVector minima(Scratch space, int i, int height, int blocks, float[] scales, float[] sums, int at) {
        FloatVector sum = FloatVector.zero(F);
        for (int b = 0; b < blocks; b++) {
            FloatVector scale = FloatVector.fromArray(F, space.scales, b * L).mul(scales[at + b * height]);
            sum = dot(space.dots, b * height + i).fma(scale, sum);
            sum = FloatVector.fromArray(F, space.minima, b * L).neg().fma(FloatVector.broadcast(F, sums[at + b * height]), sum);
        }
        return sum;
    }

    private static FloatVector halves(Scratch space, int i, int height, int blocks, float[] scales, int at) {
        FloatVector sum = FloatVector.zero(F);
        for (int h = 0; h < 2 * blocks; h++) {
            FloatVector scale = FloatVector.fromArray(F, space.scales, h * L).mul(scales[at + h / 2 * height]);
            sum = dot(space.dots, h * height + i).fma(scale, sum);
        }
        return sum;
    }
}
