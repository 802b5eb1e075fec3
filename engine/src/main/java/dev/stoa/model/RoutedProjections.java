// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Lora.Segment;
import dev.stoa.model.AdapterRouting.Rescaled;
import dev.stoa.nn.Linear;
import dev.stoa.nn.Projections;
import dev.stoa.quant.Quant;
import dev.stoa.tensor.Tensor;
import java.util.stream.IntStream;

/// Linear layers with the updates of the adapters that one [AdapterRouting] arranged.
final class RoutedProjections implements Projections {
    private final Kernels kernels;
    private final AdapterRouting routing;
    private final LinearObserver observer;

    /// `observer` may be null.
    RoutedProjections(Kernels kernels, AdapterRouting routing, LinearObserver observer) {
        this.kernels = kernels;
        this.routing = routing;
        this.observer = observer;
    }

    @Override
    public void apply(Linear linear, Tensor x, Tensor y, boolean accumulate, int[] rows) {
        Rescaled[] rescaled = routing.rescaled(linear, rows);
        float[][][] before = rescaled.length > 0 && accumulate ? outputs(y, rescaled) : null;
        base(linear, x, y, accumulate);
        Segment[] segments = routing.segments(linear, rows);
        if (segments.length > 0) kernels.lora().apply(x, segments, y);
        for (AdapterRouting.Biased biased : routing.biased(linear, rows)) add(biased, y);
        // Rows of other sequences keep the bits they have without such an adapter in the batch: theirs are done apart.
        for (int i = 0; i < rescaled.length; i++) rescale(linear, x, y, rescaled[i], before == null ? null : before[i]);
    }

    /// Bits are those of [#apply], layer by layer: only the updates of all layers are computed together.
    @Override
    public void applyAll(Linear[] linears, Tensor x, Tensor[] ys, int[] rows) {
        Segment[][] segments = new Segment[linears.length][];
        boolean plain = true;
        boolean any = false;
        for (int i = 0; i < linears.length; i++) {
            segments[i] = routing.segments(linears[i], rows);
            any |= segments[i].length > 0;
            plain &= routing.rescaled(linears[i], rows).length == 0 && routing.biased(linears[i], rows).length == 0;
        }
        if (!any || !plain) {
            Projections.super.applyAll(linears, x, ys, rows);
            return;
        }
        for (int i = 0; i < linears.length; i++) base(linears[i], x, ys[i], false);
        kernels.lora().apply(x, segments, ys);
    }

    /// y = or += x * W + bias.
    private void base(Linear linear, Tensor x, Tensor y, boolean accumulate) {
        if (observer != null) observer.before(linear, x);
        kernels.matmul().multiply(x, linear.weight(), y, accumulate);
        if (linear.bias() == null) return;
        for (int r = 0; r < y.rows(); r++) kernels.activation().axpy(1, linear.bias(), y.slice(r, r + 1).view(y.cols()));
    }

    @Override
    public void applyAs(int row, Linear linear, Tensor x, Tensor y) {
        int[] one = {row};
        int[] all = IntStream.range(0, x.rows()).toArray();
        base(linear, x, y, false);
        Segment[] segments = routing.segments(linear, one).clone();
        for (int i = 0; i < segments.length; i++) segments[i] = new Segment(segments[i].a(), segments[i].b(), segments[i].factor(), all);
        if (segments.length > 0) kernels.lora().apply(x, segments, y);
        for (AdapterRouting.Biased biased : routing.biased(linear, one)) {
            if (biased.rows().length > 0) add(new AdapterRouting.Biased(biased.bias(), biased.factor(), all), y);
        }
        for (Rescaled dora : routing.rescaled(linear, one)) {
            Segment s = dora.segment();
            rescale(linear, x, y, new Rescaled(new Segment(s.a(), s.b(), s.factor(), all), dora.rowFactors()), null);
        }
    }

    private static void add(AdapterRouting.Biased biased, Tensor y) {
        float[] bias = Quant.decode(biased.bias());
        for (int row : biased.rows()) {
            for (int n = 0; n < bias.length; n++) {
                long at = (long) row * bias.length + n;
                y.set(at, y.get(at) + biased.factor() * bias[n]);
            }
        }
    }

    private static float[][][] outputs(Tensor y, Rescaled[] rescaled) {
        float[][][] values = new float[rescaled.length][][];
        for (int i = 0; i < rescaled.length; i++) {
            int[] rows = rescaled[i].segment().rows();
            values[i] = new float[rows.length][];
            for (int r = 0; r < rows.length; r++) values[i][r] = y.slice(rows[r], rows[r] + 1).toArray();
        }
        return values;
    }

    /// y[row] = before + rowFactors * (W x + factor * b a x) + bias.
    private void rescale(Linear linear, Tensor x, Tensor y, Rescaled dora, float[][] before) {
        int[] rows = dora.segment().rows();
        Tensor inputs = Tensor.of(new float[rows.length * x.cols()], rows.length, x.cols());
        Tensor outputs = Tensor.of(new float[rows.length * y.cols()], rows.length, y.cols());
        int[] all = new int[rows.length];
        for (int i = 0; i < rows.length; i++) {
            inputs.slice(i, i + 1).data().copyFrom(x.slice(rows[i], rows[i] + 1).data());
            all[i] = i;
        }
        kernels.matmul().multiply(inputs, linear.weight(), outputs, false);
        Segment update = new Segment(dora.segment().a(), dora.segment().b(), dora.segment().factor(), all);
        kernels.lora().apply(inputs, new Segment[] {update}, outputs);
        for (int i = 0; i < rows.length; i++) {
            for (int n = 0; n < y.cols(); n++) {
                float value = outputs.get((long) i * y.cols() + n) * dora.rowFactors().get(n);
                if (linear.bias() != null) value += linear.bias().get(n);
                y.set((long) rows[i] * y.cols() + n, before == null ? value : before[i][n] + value);
            }
        }
    }

    /// x (T, hidden) += scale * factor * b a[:, token] for the rows whose adapters change the input table.
    void addToEmbeddings(int[] tokens, float scale, Tensor x) {
        for (Segment segment : routing.embedding()) {
            float[] a = Quant.decode(segment.a());
            float[] b = Quant.decode(segment.b());
            int rank = segment.a().rows();
            int vocab = segment.a().cols();
            for (int row : segment.rows()) {
                for (int i = 0; i < x.cols(); i++) {
                    double sum = 0;
                    for (int r = 0; r < rank; r++) sum += (double) b[i * rank + r] * a[r * vocab + tokens[row]];
                    long at = (long) row * x.cols() + i;
                    x.set(at, (float) (x.get(at) + sum * segment.factor() * scale));
                }
            }
        }
    }
}
