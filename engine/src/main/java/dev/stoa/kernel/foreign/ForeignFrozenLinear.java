// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.Shapes;
import dev.stoa.kernel.Workers;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.DType;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/// Frozen layers by bfloat16 products in C. F32 factors are split into three bfloat16 values each, whose products are
/// exact; the low-rank update is one more term of the same sum. Threads share out columns of the result, never depth.
final class ForeignFrozenLinear implements FrozenLinear, AutoCloseable {
    private static final int PANEL = BfloatKernels.PANEL;
    /// Multiply-adds that make a second thread worth waking.
    private static final long GRAIN = 1 << 21;
    /// Rows of a weight in a format that C does not know, decoded at a time.
    private static final int DECODED_ROWS = 512;

    private final Workers workers;
    private final BfloatKernels kernels;
    private final Precision precision;
    private final Ledger ledger = new Ledger();
    private final Scope scope = ledger.scope("frozen linear");
    private final Terms terms = new Terms(scope);
    private final long[] scratch;
    private final Operand left = new Operand();
    private final Operand low = new Operand();
    private final Operand turned = new Operand();
    private final Room lowRank = new Room();
    private final Room decoded = new Room();
    private final Room columns = new Room();
    /// One product at a time: operands and rooms belong to it.
    private final ReentrantLock turn = new ReentrantLock();

    ForeignFrozenLinear(Workers workers, BfloatKernels kernels, Precision precision) {
        this.workers = workers;
        this.kernels = kernels;
        this.precision = precision;
        scratch = new long[workers.threads()];
        for (int i = 0; i < scratch.length; i++) scratch[i] = scope.allocate(BfloatKernels.SCRATCH).address();
    }

    /// F32 memory that grows to the largest use.
    private final class Room implements AutoCloseable {
        private Scope own = ledger.scope("room");
        private MemorySegment memory = MemorySegment.NULL;

        Tensor take(int rows, int cols) {
            long bytes = 4L * rows * cols;
            if (memory.byteSize() < bytes) {
                own.close();
                own = ledger.scope("room");
                memory = own.allocate(bytes);
            }
            return new Tensor(memory.asSlice(0, bytes), DType.F32, rows, cols);
        }

        @Override
        public void close() {
            own.close();
        }
    }

    @Override
    public String id() {
        return kernels.variant().file() + " " + precision;
    }

    @Override
    public long spin(int rounds) {
        workers.parallel(workers.threads(), 1, (worker, from, to) -> kernels.spin(rounds));
        return kernels.spin(1) * rounds * workers.threads();
    }

    @Override
    public void forward(Tensor x, Tensor w, Update update, Tensor u, Tensor y, boolean accumulate) {
        Shapes.frozen(x, w, update, u, y);
        turn.lock();
        try {
            round(x, left);
            if (update != null) {
                terms.clear().add(left, 0, BfloatKernels.address(update.a()), 4L * x.cols(), update.rank(), x.cols(), 0, floats(), false, 1);
                byRows(u, false);
                round(u, low);
            }
            for (int from = 0; from < w.rows(); ) {
                int to = tileEnd(w, from);
                Tensor tile = tile(w, from, to);
                terms.clear();
                weight(tile, left, 0, false);
                if (update != null) {
                    long b = BfloatKernels.address(update.b()) + 4L * from * update.rank();
                    terms.add(low, 0, b, 4L * update.rank(), to - from, update.rank(), 0, floats(), false, update.scale());
                }
                byColumns(y, from, to - from, y.rows(), tile.cols(), accumulate);
                from = to;
            }
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void backward(Tensor g, Tensor x, Tensor w, Update update, Tensor u, Tensor dx, boolean accumulate, Tensor dA, Tensor dB) {
        Shapes.frozenBack(g, x, w, update, u, dx, dA, dB);
        turn.lock();
        try {
            round(g, left);
            if (update != null) {
                int rank = update.rank();
                Tensor v = lowRank.take(g.rows(), rank);
                terms.clear().add(left, 0, BfloatKernels.address(update.b()), 4L * rank, g.cols(), rank, 0, floats(), true, update.scale());
                byRows(v, false);
                factor(v, 1, x, dA);
                Tensor transposed = columns.take(rank, g.cols());
                transposed.data().fill((byte) 0);
                factor(u, update.scale(), g, transposed);
                addTransposed(transposed, dB);
                if (dx != null) round(v, low);
            }
            if (dx == null) return;
            for (int from = 0; from < w.rows(); ) {
                int to = tileEnd(w, from);
                Tensor tile = tile(w, from, to);
                terms.clear();
                weight(tile, left, from, true);
                if (update != null && from == 0) {
                    terms.add(low, 0, BfloatKernels.address(update.a()), 4L * dx.cols(), update.rank(), dx.cols(), 0, floats(), true, 1);
                }
                byColumns(dx, 0, dx.cols(), dx.rows(), tile.rows(), accumulate || from > 0);
                from = to;
            }
        } finally {
            turn.unlock();
        }
    }

    /// dA (R, C) += (scale v)t x for v (T, R) and x (T, C).
    private void factor(Tensor v, float scale, Tensor x, Tensor sum) {
        turned.reserve(v.cols(), v.rows(), floats());
        kernels.roundTransposed(v, scale, turned);
        terms.clear().add(turned, 0, BfloatKernels.address(x), 4L * x.cols(), x.rows(), x.cols(), 0, floats(), true, 1);
        byColumns(sum, 0, sum.cols(), sum.rows(), x.rows(), true);
    }

    /// out (N, R) += x (R, N) transposed.
    private void addTransposed(Tensor x, Tensor out) {
        int rank = x.rows(), count = x.cols();
        MemorySegment from = x.data(), to = out.data();
        workers.parallel(count, 1024, (worker, first, last) -> {
            for (int i = first; i < last; i++) {
                for (int r = 0; r < rank; r++) {
                    long at = 4L * ((long) i * rank + r);
                    to.set(Tensor.FLOAT, at, to.get(Tensor.FLOAT, at) + from.get(Tensor.FLOAT, 4L * ((long) r * count + i)));
                }
            }
        });
    }

    private void round(Tensor x, Operand out) {
        out.reserve(x.rows(), x.cols(), floats());
        int blocks = (x.rows() + PANEL - 1) / PANEL;
        workers.parallel(blocks, (int) Math.max(1, (1 << 16) / ((long) PANEL * Math.max(1, x.cols()))),
                (worker, from, to) -> kernels.round(x, from * PANEL, to * PANEL, out));
    }

    /// Pieces of an F32 factor.
    private int floats() {
        return precision == Precision.BF16 ? 1 : 3;
    }

    private static int tileEnd(Tensor w, int from) {
        return BfloatKernels.format(w.dtype()) >= 0 ? w.rows() : Math.min(w.rows(), from + DECODED_ROWS);
    }

    /// Rows [from, to) of w: as they lie when C knows the format, decoded otherwise.
    private Tensor tile(Tensor w, int from, int to) {
        if (BfloatKernels.format(w.dtype()) >= 0) return w;
        Tensor tile = decoded.take(to - from, w.cols());
        workers.parallel(to - from, 16, (worker, first, last) -> {
            float[] row = new float[w.cols()];
            for (int i = first; i < last; i++) {
                Quant.decodeRow(w, from + i, row, 0);
                MemorySegment.copy(row, 0, tile.data(), Tensor.FLOAT, 4L * i * row.length, row.length);
            }
        });
        return tile;
    }

    private void weight(Tensor w, Operand operand, int skip, boolean back) {
        int pieces = precision == Precision.BF16 ? 1 : BfloatKernels.pieces(w.dtype());
        terms.add(operand, skip, BfloatKernels.address(w), w.dtype().bytes(w.cols()), w.rows(), w.cols(), BfloatKernels.format(w.dtype()),
                pieces, back, 1);
    }

    /// Columns [first, first + count) of c, shared out by panels.
    private void byColumns(Tensor c, int first, int count, int rows, int depth, boolean add) {
        long address = BfloatKernels.address(c) + 4L * first;
        long perPanel = Math.max(1, (long) rows * depth * PANEL);
        workers.parallel((count + PANEL - 1) / PANEL, Math.clamp(GRAIN / perPanel, 1, 1 << 20), (worker, from, to) ->
                kernels.product(terms, 0, rows, from, to, address, c.cols(), count, add, scratch[worker]));
    }

    /// All of a narrow c, shared out by rows.
    private void byRows(Tensor c, boolean add) {
        int panels = (c.cols() + PANEL - 1) / PANEL;
        workers.parallel((c.rows() + PANEL - 1) / PANEL, 1, (worker, from, to) ->
                kernels.product(terms, from * PANEL, Math.min(c.rows(), to * PANEL), 0, panels, BfloatKernels.address(c), c.cols(), c.cols(), add,
                        scratch[worker]));
    }

    @Override
    public void close() {
        for (Operand operand : new Operand[] {left, low, turned}) operand.close();
        for (Room room : new Room[] {lowRank, decoded, columns}) room.close();
        scope.close();
    }
}
