// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import static dev.stoa.kernel.vector.Lanes.F;
import static dev.stoa.kernel.vector.Lanes.L;
import static dev.stoa.kernel.vector.Lanes.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// The innermost loops of every product: a few rows of a against a panel of b, sums in registers.
///
/// Each output is one chain of fused multiply-adds over k in ascending order, whatever the tile, so the tile that
/// happens to compute a row does not show in its bits. Panels of b lie in native memory as [k][2 L] (half panels as
/// [k][L]); a lies in a heap array, row-major with a stride or interleaved as [k][L]. The sums go to `out`,
/// row after row, and are finished elsewhere: a store to the result in here costs C2 three quarters of the speed.
/// Written out by hand because C2 keeps vectors in registers only when they are local variables.
final class Tiles {
    /// Rows of the widest tile. Sixteen 512-bit sums fit the register file; 256-bit machines have half of it.
    static final int ROWS = L == 16 ? 8 : 4;
    /// Columns of a panel.
    static final int WIDTH = 2 * L;
    /// Floats a tile writes at most.
    static final int OUT = Math.max(ROWS * WIDTH, 2 * WIDTH);
    static final int VECTOR_BYTES = 4 * L;
    static final int PANEL_BYTES = 4 * WIDTH;

    private Tiles() {}

    /// 8 rows of a (row-major) times one panel.
    static void rows8(float[] a, int at, int stride, MemorySegment b, long from, int depth, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0x = zero, c0y = zero;
        FloatVector c1x = zero, c1y = zero;
        FloatVector c2x = zero, c2y = zero;
        FloatVector c3x = zero, c3y = zero;
        FloatVector c4x = zero, c4y = zero;
        FloatVector c5x = zero, c5y = zero;
        FloatVector c6x = zero, c6y = zero;
        FloatVector c7x = zero, c7y = zero;
        for (int k = 0; k < depth; k++) {
            FloatVector x = load(b, from + (long) k * PANEL_BYTES);
            FloatVector y = load(b, from + (long) k * PANEL_BYTES + VECTOR_BYTES);
            FloatVector w = FloatVector.broadcast(F, a[at + k]);
            c0x = w.fma(x, c0x); c0y = w.fma(y, c0y);
            w = FloatVector.broadcast(F, a[at + 1 * stride + k]);
            c1x = w.fma(x, c1x); c1y = w.fma(y, c1y);
            w = FloatVector.broadcast(F, a[at + 2 * stride + k]);
            c2x = w.fma(x, c2x); c2y = w.fma(y, c2y);
            w = FloatVector.broadcast(F, a[at + 3 * stride + k]);
            c3x = w.fma(x, c3x); c3y = w.fma(y, c3y);
            w = FloatVector.broadcast(F, a[at + 4 * stride + k]);
            c4x = w.fma(x, c4x); c4y = w.fma(y, c4y);
            w = FloatVector.broadcast(F, a[at + 5 * stride + k]);
            c5x = w.fma(x, c5x); c5y = w.fma(y, c5y);
            w = FloatVector.broadcast(F, a[at + 6 * stride + k]);
            c6x = w.fma(x, c6x); c6y = w.fma(y, c6y);
            w = FloatVector.broadcast(F, a[at + 7 * stride + k]);
            c7x = w.fma(x, c7x); c7y = w.fma(y, c7y);
        }
        c0x.intoArray(out, 0 * L); c0y.intoArray(out, 1 * L);
        c1x.intoArray(out, 2 * L); c1y.intoArray(out, 3 * L);
        c2x.intoArray(out, 4 * L); c2y.intoArray(out, 5 * L);
        c3x.intoArray(out, 6 * L); c3y.intoArray(out, 7 * L);
        c4x.intoArray(out, 8 * L); c4y.intoArray(out, 9 * L);
        c5x.intoArray(out, 10 * L); c5y.intoArray(out, 11 * L);
        c6x.intoArray(out, 12 * L); c6y.intoArray(out, 13 * L);
        c7x.intoArray(out, 14 * L); c7y.intoArray(out, 15 * L);
    }

    /// 4 rows of a (row-major) times one panel.
    static void rows4(float[] a, int at, int stride, MemorySegment b, long from, int depth, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0x = zero, c0y = zero;
        FloatVector c1x = zero, c1y = zero;
        FloatVector c2x = zero, c2y = zero;
        FloatVector c3x = zero, c3y = zero;
        for (int k = 0; k < depth; k++) {
            FloatVector x = load(b, from + (long) k * PANEL_BYTES);
            FloatVector y = load(b, from + (long) k * PANEL_BYTES + VECTOR_BYTES);
            FloatVector w = FloatVector.broadcast(F, a[at + k]);
            c0x = w.fma(x, c0x); c0y = w.fma(y, c0y);
            w = FloatVector.broadcast(F, a[at + 1 * stride + k]);
            c1x = w.fma(x, c1x); c1y = w.fma(y, c1y);
            w = FloatVector.broadcast(F, a[at + 2 * stride + k]);
            c2x = w.fma(x, c2x); c2y = w.fma(y, c2y);
            w = FloatVector.broadcast(F, a[at + 3 * stride + k]);
            c3x = w.fma(x, c3x); c3y = w.fma(y, c3y);
        }
        c0x.intoArray(out, 0 * L); c0y.intoArray(out, 1 * L);
        c1x.intoArray(out, 2 * L); c1y.intoArray(out, 3 * L);
        c2x.intoArray(out, 4 * L); c2y.intoArray(out, 5 * L);
        c3x.intoArray(out, 6 * L); c3y.intoArray(out, 7 * L);
    }

    /// One row of a times two panels, at `from` and `next`: four sums hide the latency of the multiply-adds.
    static void row(float[] a, int at, MemorySegment b, long from, long next, int depth, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0 = zero, c1 = zero, c2 = zero, c3 = zero;
        for (int k = 0; k < depth; k++) {
            long step = (long) k * PANEL_BYTES;
            FloatVector w = FloatVector.broadcast(F, a[at + k]);
            c0 = w.fma(load(b, from + step), c0);
            c1 = w.fma(load(b, from + step + VECTOR_BYTES), c1);
            c2 = w.fma(load(b, next + step), c2);
            c3 = w.fma(load(b, next + step + VECTOR_BYTES), c3);
        }
        c0.intoArray(out, 0);
        c1.intoArray(out, L);
        c2.intoArray(out, 2 * L);
        c3.intoArray(out, 3 * L);
    }

    /// 8 rows of a (interleaved) times one panel.
    static void columns8(float[] a, int at, MemorySegment b, long from, int depth, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0x = zero, c0y = zero;
        FloatVector c1x = zero, c1y = zero;
        FloatVector c2x = zero, c2y = zero;
        FloatVector c3x = zero, c3y = zero;
        FloatVector c4x = zero, c4y = zero;
        FloatVector c5x = zero, c5y = zero;
        FloatVector c6x = zero, c6y = zero;
        FloatVector c7x = zero, c7y = zero;
        for (int k = 0; k < depth; k++) {
            FloatVector x = load(b, from + (long) k * PANEL_BYTES);
            FloatVector y = load(b, from + (long) k * PANEL_BYTES + VECTOR_BYTES);
            FloatVector w = FloatVector.broadcast(F, a[at + k * L]);
            c0x = w.fma(x, c0x); c0y = w.fma(y, c0y);
            w = FloatVector.broadcast(F, a[at + k * L + 1]);
            c1x = w.fma(x, c1x); c1y = w.fma(y, c1y);
            w = FloatVector.broadcast(F, a[at + k * L + 2]);
            c2x = w.fma(x, c2x); c2y = w.fma(y, c2y);
            w = FloatVector.broadcast(F, a[at + k * L + 3]);
            c3x = w.fma(x, c3x); c3y = w.fma(y, c3y);
            w = FloatVector.broadcast(F, a[at + k * L + 4]);
            c4x = w.fma(x, c4x); c4y = w.fma(y, c4y);
            w = FloatVector.broadcast(F, a[at + k * L + 5]);
            c5x = w.fma(x, c5x); c5y = w.fma(y, c5y);
            w = FloatVector.broadcast(F, a[at + k * L + 6]);
            c6x = w.fma(x, c6x); c6y = w.fma(y, c6y);
            w = FloatVector.broadcast(F, a[at + k * L + 7]);
            c7x = w.fma(x, c7x); c7y = w.fma(y, c7y);
        }
        c0x.intoArray(out, 0 * L); c0y.intoArray(out, 1 * L);
        c1x.intoArray(out, 2 * L); c1y.intoArray(out, 3 * L);
        c2x.intoArray(out, 4 * L); c2y.intoArray(out, 5 * L);
        c3x.intoArray(out, 6 * L); c3y.intoArray(out, 7 * L);
        c4x.intoArray(out, 8 * L); c4y.intoArray(out, 9 * L);
        c5x.intoArray(out, 10 * L); c5y.intoArray(out, 11 * L);
        c6x.intoArray(out, 12 * L); c6y.intoArray(out, 13 * L);
        c7x.intoArray(out, 14 * L); c7y.intoArray(out, 15 * L);
    }

    /// 4 rows of a (interleaved) times one panel.
    static void columns4(float[] a, int at, MemorySegment b, long from, int depth, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0x = zero, c0y = zero;
        FloatVector c1x = zero, c1y = zero;
        FloatVector c2x = zero, c2y = zero;
        FloatVector c3x = zero, c3y = zero;
        for (int k = 0; k < depth; k++) {
            FloatVector x = load(b, from + (long) k * PANEL_BYTES);
            FloatVector y = load(b, from + (long) k * PANEL_BYTES + VECTOR_BYTES);
            FloatVector w = FloatVector.broadcast(F, a[at + k * L]);
            c0x = w.fma(x, c0x); c0y = w.fma(y, c0y);
            w = FloatVector.broadcast(F, a[at + k * L + 1]);
            c1x = w.fma(x, c1x); c1y = w.fma(y, c1y);
            w = FloatVector.broadcast(F, a[at + k * L + 2]);
            c2x = w.fma(x, c2x); c2y = w.fma(y, c2y);
            w = FloatVector.broadcast(F, a[at + k * L + 3]);
            c3x = w.fma(x, c3x); c3y = w.fma(y, c3y);
        }
        c0x.intoArray(out, 0 * L); c0y.intoArray(out, 1 * L);
        c1x.intoArray(out, 2 * L); c1y.intoArray(out, 3 * L);
        c2x.intoArray(out, 4 * L); c2y.intoArray(out, 5 * L);
        c3x.intoArray(out, 6 * L); c3y.intoArray(out, 7 * L);
    }

    /// 8 rows of a (row-major) times one half panel.
    static void narrowRows8(float[] a, int at, int stride, MemorySegment b, long from, int depth, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0 = zero;
        FloatVector c1 = zero;
        FloatVector c2 = zero;
        FloatVector c3 = zero;
        FloatVector c4 = zero;
        FloatVector c5 = zero;
        FloatVector c6 = zero;
        FloatVector c7 = zero;
        for (int k = 0; k < depth; k++) {
            FloatVector x = load(b, from + (long) k * VECTOR_BYTES);
            FloatVector w = FloatVector.broadcast(F, a[at + k]);
            c0 = w.fma(x, c0);
            w = FloatVector.broadcast(F, a[at + 1 * stride + k]);
            c1 = w.fma(x, c1);
            w = FloatVector.broadcast(F, a[at + 2 * stride + k]);
            c2 = w.fma(x, c2);
            w = FloatVector.broadcast(F, a[at + 3 * stride + k]);
            c3 = w.fma(x, c3);
            w = FloatVector.broadcast(F, a[at + 4 * stride + k]);
            c4 = w.fma(x, c4);
            w = FloatVector.broadcast(F, a[at + 5 * stride + k]);
            c5 = w.fma(x, c5);
            w = FloatVector.broadcast(F, a[at + 6 * stride + k]);
            c6 = w.fma(x, c6);
            w = FloatVector.broadcast(F, a[at + 7 * stride + k]);
            c7 = w.fma(x, c7);
        }
        c0.intoArray(out, 0 * L);
        c1.intoArray(out, 1 * L);
        c2.intoArray(out, 2 * L);
        c3.intoArray(out, 3 * L);
        c4.intoArray(out, 4 * L);
        c5.intoArray(out, 5 * L);
        c6.intoArray(out, 6 * L);
        c7.intoArray(out, 7 * L);
    }

    /// 8 rows of a (interleaved) times one half panel.
    static void narrowColumns8(float[] a, int at, MemorySegment b, long from, int depth, float[] out) {
        FloatVector zero = FloatVector.zero(F);
        FloatVector c0 = zero;
        FloatVector c1 = zero;
        FloatVector c2 = zero;
        FloatVector c3 = zero;
        FloatVector c4 = zero;
        FloatVector c5 = zero;
        FloatVector c6 = zero;
        FloatVector c7 = zero;
        for (int k = 0; k < depth; k++) {
            FloatVector x = load(b, from + (long) k * VECTOR_BYTES);
            FloatVector w = FloatVector.broadcast(F, a[at + k * L]);
            c0 = w.fma(x, c0);
            w = FloatVector.broadcast(F, a[at + k * L + 1]);
            c1 = w.fma(x, c1);
            w = FloatVector.broadcast(F, a[at + k * L + 2]);
            c2 = w.fma(x, c2);
            w = FloatVector.broadcast(F, a[at + k * L + 3]);
            c3 = w.fma(x, c3);
            w = FloatVector.broadcast(F, a[at + k * L + 4]);
            c4 = w.fma(x, c4);
            w = FloatVector.broadcast(F, a[at + k * L + 5]);
            c5 = w.fma(x, c5);
            w = FloatVector.broadcast(F, a[at + k * L + 6]);
            c6 = w.fma(x, c6);
            w = FloatVector.broadcast(F, a[at + k * L + 7]);
            c7 = w.fma(x, c7);
        }
        c0.intoArray(out, 0 * L);
        c1.intoArray(out, 1 * L);
        c2.intoArray(out, 2 * L);
        c3.intoArray(out, 3 * L);
        c4.intoArray(out, 4 * L);
        c5.intoArray(out, 5 * L);
        c6.intoArray(out, 6 * L);
        c7.intoArray(out, 7 * L);
    }
}
