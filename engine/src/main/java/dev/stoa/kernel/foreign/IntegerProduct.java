// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.Workers;
import dev.stoa.kernel.integer.IntegerFormat;
import dev.stoa.kernel.integer.RepackedWeight;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// y (M, N) = x (M, K) * Wt for a repacked weight. A mutable job that is set up once per call. Threads share out groups of
/// outputs, never k.
final class IntegerProduct implements Workers.Range, AutoCloseable {
    /// Multiply-adds that make a second thread worth waking.
    private static final long GRAIN = 1 << 18;
    /// Multiply-adds per call into C, about a millisecond: a thread in such a call delays the garbage collector.
    private static final long PER_CALL = 1 << 26;
    private static final int CHUNK = 16;
    private static final int TILES_PER_WORKER = 2;

    private final Workers workers;
    private final NativeKernels kernels;
    private final Activations activations = new Activations();
    private final Workers.Range rounding = this::round;

    // The current call.
    private Tensor x;
    private RepackedWeight w;
    private MemorySegment y;
    private int rows;
    private int blocks;
    private boolean accumulate;

    IntegerProduct(Workers workers, NativeKernels kernels) {
        this.workers = workers;
        this.kernels = kernels;
    }

    void run(Tensor x, RepackedWeight w, Tensor y, boolean accumulate) {
        this.x = x;
        this.w = w;
        this.y = y.data();
        this.rows = x.rows();
        this.blocks = w.blocks();
        this.accumulate = accumulate;
        activations.reserve(rows, blocks);
        int tile = kernels.tileRows();
        workers.parallel((rows + tile - 1) / tile, TILES_PER_WORKER, rounding);
        long perGroup = Math.max(1, (long) rows * blocks * IntegerFormat.BLOCK * IntegerFormat.ROWS);
        workers.parallel(w.groups(), Math.clamp(GRAIN / perGroup, 1, Integer.MAX_VALUE), this);
        this.x = null;
        this.w = null;
        this.y = null;
    }

    private void round(int worker, int from, int to) {
        int tile = kernels.tileRows();
        kernels.quantize(w.format(), x.data(), x.cols(), blocks, from * tile, Math.min(rows, to * tile), activations);
    }

    @Override
    public void run(int worker, int from, int to) {
        long perGroup = Math.max(1, (long) rows * blocks * IntegerFormat.BLOCK * IntegerFormat.ROWS);
        int step = Math.clamp(PER_CALL / perGroup / CHUNK * CHUNK, CHUNK, 1 << 20);
        for (int group = from; group < to; group += step) {
            kernels.product(w.format(), w.data().address(), blocks, group, Math.min(to, group + step), rows, activations, y,
                    w.outputs(), w.outputs(), accumulate);
        }
    }

    @Override
    public void close() {
        activations.close();
    }
}
