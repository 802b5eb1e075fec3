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
import dev.stoa.kernel.integer.IntegerFormat;
import dev.stoa.kernel.integer.RepackedWeight;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import jdk.incubator.vector.FloatVector;

/// Products over panels of b. Frozen weights are cut into panels once, in their own format; [#gemm] cuts b block by
/// block. Either way [Product] does the arithmetic. Weights that stay where they lie are [MappedProduct]'s.
final class VectorMatmul implements Matmul {
    /// Columns of b packed at a time by gemm: with DEPTH, 2 MiB.
    private static final int BLOCK_COLUMNS = 1024;
    /// Bytes between panels of that block; not a power of two, so that a step of k does not fall into one cache set.
    private static final long STRIDE = (DEPTH + 1L) * PANEL_BYTES;
    /// Where lane l of a transposing load finds its row in the staged rows of b.
    private static final int STAGE = DEPTH + 1;
    private static final int[] STAGED_ROWS = stagedRows();

    private final Workers workers;
    private final Scope scope;
    private final Space[] spaces;
    private final Product product;
    private final MappedProduct mapped;
    private final RoundedProduct rounded;
    private final Packing packing = new Packing();
    /// One product at a time: the jobs and the packed block belong to it.
    private final ReentrantLock turn = new ReentrantLock();
    private MemorySegment blockOfB;

    VectorMatmul(Workers workers, Scope scope, Space[] spaces) {
        this.workers = workers;
        this.scope = scope;
        this.spaces = spaces;
        this.product = new Product(workers, spaces);
        this.mapped = new MappedProduct(workers, spaces);
        this.rounded = new RoundedProduct(workers);
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
        if (!PanelFormat.has(w.dtype())) return map(w);
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

    private record Mapped(Tensor source) implements PackedWeight {
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
    public PackedWeight map(Tensor w) {
        Quant.requireSupported(w);
        return new Mapped(w);
    }

    @Override
    public PackedWeight packRounded(Tensor w, Scope target) {
        return IntegerFormat.of(w.dtype()) == null ? pack(w, target) : RepackedWeight.of(w, workers, target);
    }

    @Override
    public void multiply(Tensor x, PackedWeight w, Tensor y, boolean accumulate) {
        // x (M, K), w (N, K), y (M, N)
        Shapes.multiply(x, w, y);
        if (!(w instanceof Weight) && !(w instanceof Mapped) && !(w instanceof RepackedWeight)) {
            throw new IllegalArgumentException("a weight packed by other kernels: " + w.getClass().getName());
        }
        if (y.elements() == 0) return;
        turn.lock();
        try {
            if (w instanceof RepackedWeight repacked) rounded.run(x, repacked, y, accumulate);
            else if (w instanceof Weight weight) product.run(false, x, 0, x.cols(), weight.panels(), y, 0, 1, accumulate ? 1 : 0);
            else mapped.run(x, w.source(), y, accumulate);
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
            if (blockOfB == null) blockOfB = scope.allocate(STRIDE * (BLOCK_COLUMNS / WIDTH));
            for (int column = 0; column < c.cols(); column += BLOCK_COLUMNS) {
                int columns = Math.min(BLOCK_COLUMNS, c.cols() - column);
                int k = 0;
                do {
                    int end = Math.min(depth, k + DEPTH);
                    Panels panels = new Panels(blockOfB, null, STRIDE, columns, k, L == 16);
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
            if (transposed) {
                for (int j = from; j < to; j++) {
                    transpose(b, column + j * WIDTH, k, depth, spaces[worker].block, panels.data(), panels.at(j, k),
                            panels.narrow(j * WIDTH) ? 1 : 2);
                }
                return;
            }
            int whole = Math.min(to, panels.columns() / WIDTH);
            for (int p = 0; p < depth; p++) {
                long source = 4L * ((long) (k + p) * b.cols() + column);
                spread(b.data(), source, from, whole, panels.data(), (long) p * PANEL_BYTES, panels.stride());
                if (whole < to) tail(source, whole, p);
            }
        }

        /// One step of k of the last panel, filled up with zeros.
        private void tail(long source, int j, int p) {
            int columns = panels.columns() - j * WIDTH;
            long to = panels.at(j, k + p);
            for (int v = 0; v < (panels.narrow(j * WIDTH) ? 1 : 2); v++) {
                FloatVector row = columns > v * L
                        ? Lanes.load(b.data(), source + 4L * (j * WIDTH + v * L), Lanes.first(Math.min(L, columns - v * L)))
                        : FloatVector.zero(F);
                row.intoMemorySegment(panels.data(), to + (long) v * VECTOR_BYTES, LE);
            }
        }
    }

    /// One row of b to the whole panels [from, to).
    private static void spread(MemorySegment b, long row, int from, int to, MemorySegment panels, long at, long stride) {
        for (int j = from; j < to; j++) {
            long source = row + (long) PANEL_BYTES * j;
            long target = at + stride * j;
            Lanes.load(b, source).intoMemorySegment(panels, target, LE);
            Lanes.load(b, source + VECTOR_BYTES).intoMemorySegment(panels, target + VECTOR_BYTES, LE);
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
