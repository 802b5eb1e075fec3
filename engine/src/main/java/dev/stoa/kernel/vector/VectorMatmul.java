// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Space.DEPTH;
import static dev.stoa.kernel.vector.Tiles.PANEL_BYTES;
import static dev.stoa.kernel.vector.Tiles.VECTOR_BYTES;
import static dev.stoa.kernel.vector.Tiles.WIDTH;

import dev.stoa.kernel.Matmul;
import dev.stoa.kernel.PackedWeight;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import jdk.incubator.vector.FloatVector;

/// Products over panels of b. Frozen weights are cut into panels once, in their own format; [#gemm] cuts b block by
/// block. Either way [Product] does the arithmetic.
final class VectorMatmul implements Matmul {
    /// Columns of b packed at a time by gemm: with DEPTH, 2 MiB.
    private static final int BLOCK_COLUMNS = 1024;
    /// Where lane l of a transposing load finds its row in the staged rows of b.
    private static final int STAGE = DEPTH + 1;
    private static final int[] STAGED_ROWS = stagedRows();

    private final Workers workers;
    private final Scope scope;
    private final Space[] spaces;
    private final Product product;
    private final Packing packing = new Packing();
    /// One product at a time: the jobs and the packed block belong to it.
    private final ReentrantLock turn = new ReentrantLock();
    private MemorySegment blockOfB;

    VectorMatmul(Workers workers, Scope scope, Space[] spaces) {
        this.workers = workers;
        this.scope = scope;
        this.spaces = spaces;
        this.product = new Product(workers, spaces);
    }

    private static int[] stagedRows() {
        int[] rows = new int[L];
        for (int i = 0; i < L; i++) rows[i] = i * STAGE;
        return rows;
    }

    private record Weight(Tensor source, Panels panels) implements PackedWeight {
        @Override
        public int outputs() {
            return source.rows();
        }

        @Override
        public int inputs() {
            return source.cols();
        }
    }

    @Override
    public PackedWeight pack(Tensor w, Scope target) {
        // w (N, K)
        Quant.format(w.dtype());
        int n = w.rows();
        int k = w.cols();
        long rowBytes = w.dtype().bytes(k);
        PanelFormat format = PanelFormat.of(w.dtype());
        long stride = rowBytes * WIDTH;
        int count = (n + WIDTH - 1) / WIDTH;
        Panels panels = new Panels(target.allocate(stride * count + PanelFormat.SLACK), format, stride, n, 0, false);
        workers.parallel(count, 1, (worker, from, to) -> {
            long[] rows = new long[WIDTH];
            for (int j = from; j < to; j++) {
                if (format == null) {
                    for (int p = 0; p < k; p += DEPTH) {
                        transpose(w, j * WIDTH, p, Math.min(DEPTH, k - p), spaces[worker].block, panels.data(),
                                panels.at(j, p), 2);
                    }
                } else {
                    for (int c = 0; c < WIDTH; c++) rows[c] = j * WIDTH + c < n ? (j * WIDTH + c) * rowBytes : -1;
                    format.pack(w.data(), rows, k, panels.data(), j * stride);
                }
            }
        });
        return new Weight(w, panels);
    }

    @Override
    public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
        // x (M, K), w (N, K), y (M, N)
        Shapes.multiply(x, w, y);
        if (!(w instanceof Weight weight)) {
            throw new IllegalArgumentException("a weight packed by other kernels: " + w.getClass().getName());
        }
        if (y.elements() == 0) return;
        turn.lock();
        try {
            product.run(false, x, 0, x.cols(), weight.panels(), y, 0, 1, accumulate ? 1 : 0);
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void gemm(boolean transposeA, Tensor a, boolean transposeB, Tensor b, float alpha, float beta, Tensor c) {
        // c (M, N), op(a) (M, K), op(b) (K, N)
        int depth = Shapes.gemm(transposeA, a, transposeB, b, c);
        if (c.elements() == 0) return;
        turn.lock();
        try {
            if (blockOfB == null) blockOfB = scope.allocate((long) BLOCK_COLUMNS * DEPTH * 4);
            for (int column = 0; column < c.cols(); column += BLOCK_COLUMNS) {
                int columns = Math.min(BLOCK_COLUMNS, c.cols() - column);
                int k = 0;
                do {
                    int end = Math.min(depth, k + DEPTH);
                    Panels panels = new Panels(blockOfB, null, (long) DEPTH * PANEL_BYTES, columns, k, L == 16);
                    packing.run(transposeB, b, column, k, end - k, panels);
                    product.run(transposeA, a, k, end, panels, c, column, alpha, k == 0 ? beta : 1);
                    k = end;
                } while (k < depth);
            }
        } finally {
            turn.unlock();
        }
    }

    /// Cuts a block of op(b) into panels, shared out by panels.
    private final class Packing implements Workers.Range {
        private static final int GRAIN_FLOATS = 1 << 15;
        private boolean transposed;
        private Tensor b;
        private int column;
        private int k;
        private int depth;
        private Panels panels;

        void run(boolean transposed, Tensor b, int column, int k, int depth, Panels panels) {
            this.transposed = transposed;
            this.b = b;
            this.column = column;
            this.k = k;
            this.depth = depth;
            this.panels = panels;
            workers.parallel(panels.count(), Math.max(1, GRAIN_FLOATS / (WIDTH * Math.max(1, depth))), this);
            this.b = null;
        }

        @Override
        public void run(int worker, int from, int to) {
            for (int j = from; j < to; j++) {
                int vectors = panels.narrow(j * WIDTH) ? 1 : 2;
                int first = column + j * WIDTH;
                long at = panels.at(j, k);
                if (transposed) {
                    transpose(b, first, k, depth, spaces[worker].block, panels.data(), at, vectors);
                } else {
                    int columns = Math.min(WIDTH, panels.columns() - j * WIDTH);
                    for (int v = 0; v < vectors; v++) {
                        copy(b, first + v * L, k, depth, columns - v * L, panels.data(), at + (long) v * VECTOR_BYTES,
                                vectors * VECTOR_BYTES);
                    }
                }
            }
        }
    }

    /// Rows [k, k + depth) of b (K, N), L columns from `column` on, `columns` of them real.
    private static void copy(Tensor b, int column, int k, int depth, int columns, MemorySegment panel, long at, int step) {
        long rowBytes = 4L * b.cols();
        long from = k * rowBytes + 4L * column;
        MemorySegment data = b.data();
        if (columns >= L) {
            for (int p = 0; p < depth; p++) {
                Lanes.load(data, from + p * rowBytes).intoMemorySegment(panel, at + (long) p * step, LE);
            }
        } else {
            var mask = Lanes.first(Math.max(0, columns));
            for (int p = 0; p < depth; p++) {
                FloatVector row = columns > 0 ? Lanes.load(data, from + p * rowBytes, mask) : FloatVector.zero(F);
                row.intoMemorySegment(panel, at + (long) p * step, LE);
            }
        }
    }

    /// Rows [row, row + vectors * L) of b (N, K), columns [k, k + depth), as [depth][vectors * L]; missing rows are 0.
    private static void transpose(Tensor b, int row, int k, int depth, float[] stage, MemorySegment panel, long at,
            int vectors) {
        int rows = Math.min(vectors * L, b.rows() - row);
        for (int i = 0; i < vectors * L; i++) {
            if (i < rows) {
                MemorySegment.copy(b.data(), Tensor.FLOAT, ((long) (row + i) * b.cols() + k) * 4, stage, i * STAGE, depth);
            } else {
                Arrays.fill(stage, i * STAGE, i * STAGE + depth, 0);
            }
        }
        for (int v = 0; v < vectors; v++) {
            for (int p = 0; p < depth; p++) {
                FloatVector.fromArray(F, stage, v * L * STAGE + p, STAGED_ROWS, 0)
                        .intoMemorySegment(panel, at + (long) (p * vectors + v) * VECTOR_BYTES, LE);
            }
        }
    }
}
