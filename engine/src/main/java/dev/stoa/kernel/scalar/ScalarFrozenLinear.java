// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.Shapes;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;

/// Frozen layers by their definition: factors rounded as the precision says, sums in double, rounded once to F32.
final class ScalarFrozenLinear implements FrozenLinear {
    private final Precision precision;

    ScalarFrozenLinear(Precision precision) {
        this.precision = precision;
    }

    @Override
    public String id() {
        return "scalar " + precision;
    }

    @Override
    public long spin(int rounds) {
        return 0;
    }

    @Override
    public void forward(Tensor x, Tensor w, Update update, Tensor u, Tensor y, boolean accumulate) {
        Shapes.frozen(x, w, update, u, y);
        int rows = x.rows(), outputs = w.rows(), inputs = w.cols();
        float[] factor = rounded(x.toArray()), weight = rounded(Quant.decode(w)), low = null, b = null;
        int rank = update == null ? 0 : update.rank();
        if (update != null) {
            store(product(factor, rows, inputs, false, rounded(update.a().toArray()), rank, true), u, false);
            low = rounded(u.toArray());
            b = rounded(scaled(update));
        }
        double[] sum = product(factor, rows, inputs, false, weight, outputs, true);
        if (update != null) add(sum, product(low, rows, rank, false, b, outputs, true));
        store(sum, y, accumulate);
    }

    @Override
    public void backward(Tensor g, Tensor x, Tensor w, Update update, Tensor u, Tensor dx, boolean accumulate, Tensor dA, Tensor dB) {
        Shapes.frozenBack(g, x, w, update, u, dx, dA, dB);
        int rows = g.rows(), outputs = w.rows(), inputs = w.cols();
        float[] factor = rounded(g.toArray()), v = null;
        if (update != null) {
            int rank = update.rank();
            double[] exact = product(factor, rows, outputs, false, rounded(scaled(update)), rank, false);
            v = rounded(floats(exact));
            store(product(v, rank, rows, true, rounded(x.toArray()), inputs, false), dA, true);
            float[] scaledU = u.toArray();
            for (int i = 0; i < scaledU.length; i++) scaledU[i] *= update.scale();
            store(product(factor, outputs, rows, true, rounded(scaledU), rank, false), dB, true);
        }
        if (dx == null) return;
        double[] sum = product(factor, rows, outputs, false, rounded(Quant.decode(w)), inputs, false);
        if (update != null) add(sum, product(v, rows, update.rank(), false, rounded(update.a().toArray()), inputs, false));
        store(sum, dx, accumulate);
    }

    private static float[] scaled(Update update) {
        float[] b = update.b().toArray();
        for (int i = 0; i < b.length; i++) b[i] *= update.scale();
        return b;
    }

    private float[] rounded(float[] values) {
        if (precision == Precision.F32) return values;
        float[] rounded = new float[values.length];
        for (int i = 0; i < values.length; i++) rounded[i] = rounded(values[i]);
        return rounded;
    }

    /// The nearest bfloat16 value, ties to even; subnormal numbers become 0, as in the CPU's instructions.
    static float rounded(float value) {
        if (Math.abs(value) < Float.MIN_NORMAL) return Math.copySign(0, value);
        if (Float.isNaN(value)) return value;
        int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
    }

    /// (M, N) = op(a) op(b): a is (M, K), or (K, M) transposed; b is (K, N), or (N, K) transposed.
    private static double[] product(float[] a, int m, int k, boolean transposeA, float[] b, int n, boolean transposeB) {
        double[] c = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int p = 0; p < k; p++) {
                    sum += (double) a[transposeA ? p * m + i : i * k + p] * b[transposeB ? j * k + p : p * n + j];
                }
                c[i * n + j] = sum;
            }
        }
        return c;
    }

    private static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) floats[i] = (float) values[i];
        return floats;
    }

    private static void add(double[] sum, double[] other) {
        for (int i = 0; i < sum.length; i++) sum[i] += other[i];
    }

    private static void store(double[] sum, Tensor out, boolean accumulate) {
        for (int i = 0; i < sum.length; i++) out.set(i, (float) (accumulate ? out.get(i) + sum[i] : sum[i]));
    }
}
