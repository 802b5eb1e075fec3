// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

import dev.stoa.tensor.DType;
import dev.stoa.tensor.Tensor;

/// Argument checks shared by every provider, so that all refuse the same calls with the same words.
/// A wrong shape is a bug of the caller: IllegalArgumentException.
public final class Shapes {
    private Shapes() {}

    public static void f32(String name, Tensor tensor) {
        require(tensor.dtype() == DType.F32, "%s must be F32, is %s", name, tensor);
    }

    public static void shape(String name, Tensor tensor, long rows, long cols) {
        require(tensor.rows() == rows && tensor.cols() == cols, "%s must be [%d, %d], is %s", name, rows, cols, tensor);
    }

    /// x (M, K), w (N, K), y (M, N).
    public static void multiply(Tensor x, PackedWeight w, Tensor y) {
        f32("x", x);
        f32("y", y);
        require(x.cols() == w.inputs(), "x has %d columns, w has %d inputs", x.cols(), w.inputs());
        shape("y", y, x.rows(), w.outputs());
        require(x.data() != y.data(), "x and y share memory");
    }

    /// K of c (M, N) = op(a) op(b).
    public static int gemm(boolean transposeA, Tensor a, boolean transposeB, Tensor b, Tensor c) {
        f32("a", a);
        f32("b", b);
        f32("c", c);
        int depth = transposeA ? a.rows() : a.cols();
        int depthB = transposeB ? b.cols() : b.rows();
        require(depth == depthB, "a %s and b %s do not meet: depth %d and %d", a, b, depth, depthB);
        shape("c", c, transposeA ? a.cols() : a.rows(), transposeB ? b.rows() : b.cols());
        require(c.data() != a.data() && c.data() != b.data(), "c shares memory with an operand");
        return depth;
    }

    /// x (T, K), w (N, K), y (T, N), u (T, R) with a (R, K) and b (N, R).
    public static void frozen(Tensor x, Tensor w, FrozenLinear.Update update, Tensor u, Tensor y) {
        f32("x", x);
        f32("y", y);
        shape("x", x, y.rows(), w.cols());
        shape("y", y, x.rows(), w.rows());
        require((update == null) == (u == null), "an update and its u belong together");
        if (update == null) return;
        f32("u", u);
        shape("a", update.a(), update.rank(), w.cols());
        shape("b", update.b(), w.rows(), update.rank());
        shape("u", u, x.rows(), update.rank());
    }

    /// As [#frozen], for the gradients of all that may have one.
    public static void frozenBack(Tensor g, Tensor x, Tensor w, FrozenLinear.Update update, Tensor u, Tensor dx, Tensor dA, Tensor dB) {
        f32("g", g);
        shape("g", g, g.rows(), w.rows());
        if (dx != null) shape("dx", dx, g.rows(), w.cols());
        if (update == null) return;
        frozen(x, w, update, u, g);
        shape("dA", dA, update.rank(), w.cols());
        shape("dB", dB, w.rows(), update.rank());
    }

    /// q and out (T, heads * headDim), k and v (T, kvHeads * headDim), logSumExp (T, heads).
    public static void segments(Tensor q, Tensor k, Tensor v, int[] starts, SegmentAttention.Heads heads, Tensor out, Tensor logSumExp) {
        int rows = starts[starts.length - 1];
        for (Tensor each : new Tensor[] {q, k, v, out, logSumExp}) f32("tensor", each);
        shape("q", q, rows, (long) heads.heads() * heads.headDim());
        shape("k", k, rows, (long) heads.kvHeads() * heads.headDim());
        shape("v", v, rows, k.cols());
        shape("out", out, rows, q.cols());
        shape("logSumExp", logSumExp, rows, heads.heads());
    }

    public static void rms(Tensor x, Tensor weight, Tensor y) {
        f32("x", x);
        f32("y", y);
        shape("y", y, x.rows(), x.cols());
        if (weight == null) return;
        f32("weight", weight);
        require(weight.elements() == x.cols(), "weight has %d elements, x has %d columns", weight.elements(), x.cols());
    }

    public static void rope(Tensor x, int heads, int headDim, int[] positions, double[] frequencies, int direction) {
        f32("x", x);
        require(heads > 0 && headDim > 0, "heads %d, headDim %d", heads, headDim);
        shape("x", x, positions.length, (long) heads * headDim);
        require(2L * frequencies.length <= headDim, "%d frequencies rotate more than headDim %d channels",
                frequencies.length, headDim);
        require(direction == 1 || direction == -1, "direction must be 1 or -1, is %d", direction);
    }

    /// Equal F32 tensors, for elementwise functions.
    public static void same(Tensor first, Tensor... others) {
        f32("tensor", first);
        for (Tensor other : others) {
            f32("tensor", other);
            shape("tensor", other, first.rows(), first.cols());
        }
    }

    public static void attend(Tensor q, Attention.Row[] rows, int heads, int kvHeads, int headDim, Tensor out) {
        require(heads > 0 && kvHeads > 0 && headDim > 0 && heads % kvHeads == 0,
                "%d heads over %d kv heads of %d", heads, kvHeads, headDim);
        f32("q", q);
        f32("out", out);
        require(q.cols() == (long) heads * headDim, "q %s is not %d heads of %d", q, heads, headDim);
        shape("out", out, q.rows(), q.cols());
        for (Attention.Row row : rows) {
            require(row.index() >= 0 && row.index() < q.rows(), "row %d is not in q %s", row.index(), q);
            require(row.first() >= 0 && row.first() < row.length() && row.length() <= row.capacity(),
                    "row %d sees tokens [%d, %d) of %d", row.index(), row.first(), row.length(), row.capacity());
            long bytes = 4L * kvHeads * row.capacity() * headDim;
            require(row.keys().byteSize() >= bytes && row.values().byteSize() >= bytes,
                    "row %d: cache of %d and %d bytes, %d needed", row.index(), row.keys().byteSize(),
                    row.values().byteSize(), bytes);
        }
    }

    public static void lora(Tensor x, Lora.Segment[] segments, Tensor y) {
        f32("x", x);
        f32("y", y);
        require(x.rows() == y.rows(), "x %s and y %s differ in rows", x, y);
        for (Lora.Segment segment : segments) {
            require(segment.a().cols() == x.cols() && segment.b().rows() == y.cols()
                    && segment.a().rows() == segment.b().cols(), "a %s and b %s do not fit x %s and y %s",
                    segment.a(), segment.b(), x, y);
            for (int row : segment.rows()) {
                require(row >= 0 && row < x.rows(), "row %d is not in x %s", row, x);
            }
        }
    }

    private static void require(boolean ok, String what, Object... args) {
        if (!ok) throw new IllegalArgumentException(what.formatted(args));
    }
}
