// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.LE;
import static dev.stoa.kernel.vector.Lanes.load;
import static dev.stoa.kernel.vector.Space.BLOCK_ROWS;
import static dev.stoa.kernel.vector.Space.DEPTH;
import static dev.stoa.kernel.vector.Tiles.PANEL_BYTES;
import static dev.stoa.kernel.vector.Tiles.ROWS;
import static dev.stoa.kernel.vector.Tiles.VECTOR_BYTES;
import static dev.stoa.kernel.vector.Tiles.WIDTH;

import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// c = alpha * op(a) * b + beta * c for b in panels: the part of a product that all threads share out.
///
/// A mutable job that is set up once per call, so that a product allocates nothing. Every element of c is reduced
/// over k in blocks of DEPTH from 0 up, each block one chain of multiply-adds: the same bits for any number of rows,
/// any tile and any split among threads.
final class Product implements Workers.Range {
    /// Multiply-adds that make a second thread worth waking (a few microseconds).
    private static final long GRAIN = 1 << 18;

    private final Workers workers;
    private final Space[] spaces;

    // The current call; op(a) (M, K) lies as (K, M) when transposed.
    private boolean transposed;
    private Tensor a;
    private int m;
    private int kFrom;
    private int kTo;
    private Panels b;
    private int panels;
    private MemorySegment c;
    private int n;
    private int firstColumn;
    private float alpha;
    private float beta;
    private boolean byRows;

    Product(Workers workers, Space[] spaces) {
        this.workers = workers;
        this.spaces = spaces;
    }

    /// c[:, firstColumn ..] from rows [kFrom, kTo) of the depth; the columns are those of `b`.
    void run(boolean transposed, Tensor a, int kFrom, int kTo, Panels b, Tensor c, int firstColumn, float alpha, float beta) {
        this.transposed = transposed;
        this.a = a;
        this.m = c.rows();
        this.kFrom = kFrom;
        this.kTo = kTo;
        this.b = b;
        this.panels = b.count();
        this.c = c.data();
        this.n = c.cols();
        this.firstColumn = firstColumn;
        this.alpha = alpha;
        this.beta = beta;
        int tiles = (m + ROWS - 1) / ROWS;
        byRows = tiles >= 4 * workers.threads() || tiles >= panels;
        long depth = Math.max(1, kTo - kFrom);
        long unit = byRows ? ROWS * depth * b.columns() : depth * m * WIDTH;
        workers.parallel(byRows ? tiles : panels, (int) Math.max(1, GRAIN / unit), this);
        this.a = null;
        this.b = null;
        this.c = null;
    }

    @Override
    public void run(int worker, int from, int to) {
        Space space = spaces[worker];
        int firstRow = byRows ? from * ROWS : 0;
        int lastRow = byRows ? Math.min(m, to * ROWS) : m;
        for (int row = firstRow; row < lastRow; row += BLOCK_ROWS) {
            int rows = Math.min(BLOCK_ROWS, lastRow - row);
            int k = kFrom;
            do {
                int depth = Math.min(DEPTH, kTo - k);
                float scale = k == kFrom ? beta : 1;
                if (transposed) {
                    interleave(row, rows, k, depth, space.block);
                } else {
                    copyRows(row, rows, k, depth, space.block);
                }
                for (int j = byRows ? 0 : from; j < (byRows ? panels : to); j += 2) {
                    pair(space, row, rows, k, depth, j, Math.min(2, (byRows ? panels : to) - j), scale);
                }
                k += depth;
            } while (k < kTo);
        }
    }

    private void copyRows(int row, int rows, int k, int depth, float[] block) {
        int length = a.cols();
        if (depth == length) {
            MemorySegment.copy(a.data(), Tensor.FLOAT, 4L * row * length, block, 0, rows * length);
            return;
        }
        for (int i = 0; i < rows; i++) {
            MemorySegment.copy(a.data(), Tensor.FLOAT, ((long) (row + i) * length + k) * 4, block, i * depth, depth);
        }
    }

    /// Groups of L rows of op(a), each as [k][L]: one vector per step of k, which holds one or two tiles.
    private void interleave(int row, int rows, int k, int depth, float[] block) {
        int length = a.cols();
        for (int p = 0; p < depth; p++) {
            spread(a.data(), ((long) (k + p) * length + row) * 4, rows, block, p * L, (depth + 1) * L);
        }
    }

    /// One step of k: L floats to every group.
    private static void spread(MemorySegment data, long from, int rows, float[] block, int to, int step) {
        int groups = rows / L;
        for (int g = 0; g < groups; g++) load(data, from + (long) VECTOR_BYTES * g).intoArray(block, to + g * step);
        if (groups * L < rows) {
            load(data, from + (long) VECTOR_BYTES * groups, Lanes.first(rows - groups * L)).intoArray(block, to + groups * step);
        }
    }

    /// Where the tile that starts at `row` of an interleaved block lies. A vector lies between groups, so that they do
    /// not fall into one cache set.
    private static int interleaved(int row, int depth) {
        return row / L * L * (depth + 1) + row % L;
    }

    /// The block of a times `count` panels from j on.
    private void pair(Space space, int row, int rows, int k, int depth, int j, int count, float scale) {
        MemorySegment panel = b.decoded() ? space.panels : b.data();
        long first = b.decoded() ? b.decode(j, k, depth, panel, 0) : b.at(j, k);
        long second = count == 1 ? first
                : b.decoded() ? b.decode(j + 1, k, depth, panel, (long) DEPTH * PANEL_BYTES) : b.at(j + 1, k);
        int done = 0;
        int wide = 0;
        for (int half = 0; half < count; half++) {
            long from = half == 0 ? first : second;
            int column = (j + half) * WIDTH;
            if (b.narrow(column)) {
                halfPanel(space, row, rows, depth, panel, from, column, scale);
            } else {
                done = transposed ? interleavedTiles(space, row, rows, depth, panel, from, column, scale)
                        : tiles(space, row, rows, depth, panel, from, column, scale);
                wide++;
            }
        }
        for (int i = done; wide > 0 && i < rows; i++) {
            Tiles.row(space.block, i * depth, panel, first, wide == 2 ? second : first, depth, space.sums);
            finish(space.sums, 0, 2, 1, row + i, j * WIDTH, scale);
            if (wide == 2) finish(space.sums, WIDTH, 2, 1, row + i, (j + 1) * WIDTH, scale);
        }
    }

    /// Tiles of 8 and 4 rows on one panel; answers how many rows they covered, all but at most two.
    private int tiles(Space space, int row, int rows, int depth, MemorySegment panel, long from, int column, float scale) {
        int i = 0;
        while (rows - i >= 3) {
            int height = ROWS == 8 && rows - i >= 7 ? 8 : 4; // the block has room for the missing rows of a last tile
            if (height == 8) {
                Tiles.rows8(space.block, i * depth, depth, panel, from, depth, space.sums);
            } else {
                Tiles.rows4(space.block, i * depth, depth, panel, from, depth, space.sums);
            }
            finish(space.sums, 0, 2, Math.min(rows - i, height), row + i, column, scale);
            i += height;
        }
        return Math.min(i, rows);
    }

    private int interleavedTiles(Space space, int row, int rows, int depth, MemorySegment panel, long from, int column,
            float scale) {
        for (int i = 0; i < rows; i += ROWS) {
            if (ROWS == 8) {
                Tiles.columns8(space.block, interleaved(i, depth), panel, from, depth, space.sums);
            } else {
                Tiles.columns4(space.block, interleaved(i, depth), panel, from, depth, space.sums);
            }
            finish(space.sums, 0, 2, Math.min(rows - i, ROWS), row + i, column, scale);
        }
        return rows;
    }

    private void halfPanel(Space space, int row, int rows, int depth, MemorySegment panel, long from, int column,
            float scale) {
        for (int i = 0; i < rows; i += 8) {
            if (transposed) {
                Tiles.narrowColumns8(space.block, interleaved(i, depth), panel, from, depth, space.sums);
            } else {
                Tiles.narrowRows8(space.block, i * depth, depth, panel, from, depth, space.sums);
            }
            finish(space.sums, 0, 1, Math.min(rows - i, 8), row + i, column, scale);
        }
    }

    /// The sums of a tile, `vectors` vectors per row, into c.
    private void finish(float[] sums, int at, int vectors, int rows, int row, int column, float scale) {
        long offset = ((long) row * n + firstColumn + column) * 4;
        if (vectors == 2 && alpha == 1 && b.columns() - column >= WIDTH && (scale == 0 || scale == 1)) {
            if (scale == 0) {
                store(sums, at, rows, c, offset, 4L * n);
            } else {
                add(sums, at, rows, c, offset, 4L * n);
            }
            return;
        }
        for (int v = 0; v < vectors; v++, offset += VECTOR_BYTES) {
            int lanes = Math.min(L, b.columns() - column - v * L);
            if (lanes <= 0) return;
            VectorMask<Float> mask = Lanes.first(lanes);
            for (int i = 0; i < rows; i++) combine(sums, at + (i * vectors + v) * L, offset + 4L * i * n, scale, mask);
        }
    }

    private static void store(float[] sums, int at, int rows, MemorySegment c, long offset, long step) {
        for (int i = 0; i < rows; i++) {
            long to = offset + i * step;
            FloatVector.fromArray(F, sums, at + i * WIDTH).intoMemorySegment(c, to, LE);
            FloatVector.fromArray(F, sums, at + i * WIDTH + L).intoMemorySegment(c, to + VECTOR_BYTES, LE);
        }
    }

    private static void add(float[] sums, int at, int rows, MemorySegment c, long offset, long step) {
        for (int i = 0; i < rows; i++) {
            long to = offset + i * step;
            FloatVector x = FloatVector.fromArray(F, sums, at + i * WIDTH).add(load(c, to));
            FloatVector y = FloatVector.fromArray(F, sums, at + i * WIDTH + L).add(load(c, to + VECTOR_BYTES));
            x.intoMemorySegment(c, to, LE);
            y.intoMemorySegment(c, to + VECTOR_BYTES, LE);
        }
    }

    /// Any alpha, scale and number of lanes; the same bits as the two above where they apply.
    private void combine(float[] sums, int at, long offset, float scale, VectorMask<Float> mask) {
        FloatVector sum = FloatVector.fromArray(F, sums, at);
        if (alpha != 1) sum = sum.mul(alpha);
        if (scale == 1) {
            sum = sum.add(load(c, offset, mask));
        } else if (scale != 0) {
            sum = load(c, offset, mask).fma(FloatVector.broadcast(F, scale), sum);
        }
        sum.intoMemorySegment(c, offset, LE, mask);
    }
}
