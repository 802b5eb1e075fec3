// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

import dev.stoa.kernel.Lora;
import dev.stoa.kernel.Shapes;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;

/// u = a x, then y += factor * b u, row by row in the order of the segments.
final class ScalarLora implements Lora {
    @Override
    public void apply(Tensor x, Segment[][] segments, Tensor[] ys) {
        for (int m = 0; m < ys.length; m++) update(x, segments[m], ys[m]);
    }

    private static void update(Tensor x, Segment[] segments, Tensor y) {
        // x (T, K), y (T, N), a (R, K), b (N, R)
        Shapes.lora(x, segments, y);
        for (Segment segment : segments) {
            float[] a = Quant.decode(segment.a());
            float[] b = Quant.decode(segment.b());
            double[] u = new double[segment.a().rows()];
            for (int row : segment.rows()) {
                down(x, row, a, u);
                up(b, u, segment.factor(), y, row);
            }
        }
    }

    private static void down(Tensor x, int row, float[] a, double[] u) {
        int k = x.cols();
        for (int r = 0; r < u.length; r++) {
            u[r] = 0;
            for (int i = 0; i < k; i++) u[r] += (double) a[r * k + i] * x.get((long) row * k + i);
        }
    }

    private static void up(float[] b, double[] u, float factor, Tensor y, int row) {
        int n = y.cols();
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int r = 0; r < u.length; r++) sum += b[j * u.length + r] * u[r];
            long at = (long) row * n + j;
            y.set(at, (float) (y.get(at) + factor * sum));
        }
    }
}
