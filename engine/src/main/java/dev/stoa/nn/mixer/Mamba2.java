// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.RecurrentShape;
import dev.stoa.cache.RecurrentShape.Slot;
import dev.stoa.cache.RecurrentState;
import dev.stoa.cache.StateShape;
import dev.stoa.nn.Linear;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Mamba-2 (Dao & Gu, 2405.21060). in_proj gives z | x | B | C | dt; a short convolution with SiLU over x, B, C; per head
/// s = s e^(dt A) + (dt x) B, y = s C + D x with dt = softplus(dt + bias), A = -exp(A_log) and group floor(h G / H);
/// out_proj(RMS(y * silu(z))), or RMS first with `norm_before_gate`.
public final class Mamba2 implements Mixer {
    private static final int IN = 0;
    private static final int XBC = 1;
    private static final int OUT = 2;

    /// Sizes: heads (config), P = head_dim, N = state_size, G = n_groups, K = conv_kernel.
    private record Sizes(int heads, int width, int state, int groups, int kernel) {
        static Sizes of(MixerConfig c) {
            return new Sizes(c.heads(), c.headDim(), c.integer("state_size", 128, 1), c.integer("n_groups", 1, 1), c.integer("conv_kernel", 4, 1));
        }

        int inner() {
            return heads * width;
        }

        int channels() {
            return inner() + 2 * groups * state;
        }
    }

    /// Registers the kind `mamba2`.
    public static final class Provider implements MixerProvider {
        @Override
        public String kind() {
            return "mamba2";
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig c) {
            Sizes s = Sizes.of(c);
            return List.of(MixerTensor.linear("in_proj", (long) s.inner() + s.channels() + s.heads(), c.hidden()),
                    MixerTensor.values("conv1d.weight", s.channels(), s.kernel()), MixerTensor.values("conv1d.bias", s.channels()),
                    MixerTensor.values("A_log", s.heads()), MixerTensor.values("D", s.heads()), MixerTensor.values("dt_bias", s.heads()),
                    MixerTensor.values("norm.weight", s.inner()), MixerTensor.linear("out_proj", c.hidden(), s.inner()));
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return new Mamba2(context);
        }
    }

    private final Sizes sizes;
    private final float eps;
    private final boolean normFirst;
    private final boolean chunked;
    private final Linear in;
    private final Linear out;
    private final CausalConv conv;
    private final Tensor decay;
    private final Tensor skip;
    private final Tensor dtBias;
    private final Tensor norm;

    private Mamba2(MixerBuildContext context) {
        sizes = Sizes.of(context.config());
        eps = context.config().eps();
        normFirst = context.config().flag("norm_before_gate", false);
        chunked = Chunk.wanted(context.config());
        in = context.linear("in_proj");
        out = context.linear("out_proj");
        conv = new CausalConv(context.weight("conv1d.weight"), context.weight("conv1d.bias"));
        decay = context.weight("A_log");
        skip = context.weight("D");
        dtBias = context.weight("dt_bias");
        norm = context.weight("norm.weight");
    }

    @Override
    public StateShape stateShape() {
        return new RecurrentShape(List.of(new Slot("conv", sizes.kernel - 1, sizes.channels()),
                new Slot("state", sizes.heads, sizes.width, sizes.state)));
    }

    @Override
    public int[] widths() {
        return new int[] {in.outputs(), sizes.channels(), sizes.inner()};
    }

    @Override
    public void mix(MixerCall call) {
        int rows = call.rows();
        Tensor all = call.buffers().at(IN, rows, in.outputs());
        call.projections().apply(in, call.x(), all, false);
        Tensor xbc = call.buffers().at(XBC, rows, sizes.channels());
        for (int t = 0; t < rows; t++) {
            MemorySegment.copy(all.data(), 4L * ((long) t * all.cols() + sizes.inner()), xbc.data(), 4L * t * xbc.cols(), 4L * xbc.cols());
        }
        Tensor y = call.buffers().at(OUT, rows, sizes.inner());
        for (int from = 0; from < rows; from = call.endOfSequence(from)) {
            int first = from;
            int to = call.endOfSequence(from);
            RecurrentState state = (RecurrentState) call.states()[from];
            state.begin(call.positions()[from], to - from);
            conv.apply(call.kernels(), xbc, from, to, state.slot(0));
            call.kernels().workers().parallel(sizes.heads, 1, (worker, h0, h1) -> {
                for (int h = h0; h < h1; h++) head(h, all, xbc, y, first, to, state.slot(1));
            });
        }
        for (int t = 0; t < rows; t++) finish(all, y, t);
        call.projections().apply(out, y, call.y(), call.accumulate());
    }

    private void head(int h, Tensor all, Tensor xbc, Tensor y, int from, int to, Tensor states) {
        int group = h * sizes.groups / sizes.heads;
        int n = sizes.state;
        float[] s = new float[sizes.width * n];
        MemorySegment.copy(states.data(), Tensor.FLOAT, 4L * h * s.length, s, 0, s.length);
        double a = -Math.exp(decay.get(h));
        if (chunked) {
            chunks(h, a, s, all, xbc, y, from, to);
            MemorySegment.copy(s, 0, states.data(), Tensor.FLOAT, 4L * h * s.length, s.length);
            return;
        }
        for (int t = from; t < to; t++) {
            long row = (long) t * xbc.cols();
            long b = row + sizes.inner() + (long) group * n;
            long c = b + (long) sizes.groups * n;
            double dt = step(all, t, h);
            float keep = (float) Math.exp(dt * a);
            for (int p = 0; p < sizes.width; p++) {
                float x = xbc.get(row + (long) h * sizes.width + p);
                float write = (float) (dt * x);
                double sum = (double) skip.get(h) * x;
                for (int i = 0; i < n; i++) {
                    s[p * n + i] = s[p * n + i] * keep + write * xbc.get(b + i);
                    sum += (double) s[p * n + i] * xbc.get(c + i);
                }
                y.set((long) t * y.cols() + (long) h * sizes.width + p, (float) sum);
            }
        }
        MemorySegment.copy(s, 0, states.data(), Tensor.FLOAT, 4L * h * s.length, s.length);
    }

    private double step(Tensor all, int t, int h) {
        double dt = all.get((long) t * all.cols() + all.cols() - sizes.heads + h) + (double) dtBias.get(h);
        return dt > 20 ? dt : Math.log1p(Math.exp(dt));
    }

    /// The same over chunks: linear attention with queries C, keys B and values dt x, whose state is s transposed.
    private void chunks(int h, double a, float[] s, Tensor all, Tensor xbc, Tensor y, int from, int to) {
        int n = sizes.state;
        int width = sizes.width;
        float[] turned = new float[s.length];
        for (int p = 0; p < width; p++) for (int i = 0; i < n; i++) turned[i * width + p] = s[p * n + i];
        Chunk chunk = new Chunk(n, width);
        for (int begin = from; begin < to; begin += Chunk.LENGTH) {
            int count = Math.min(Chunk.LENGTH, to - begin);
            for (int t = 0; t < count; t++) {
                long row = (long) (begin + t) * xbc.cols();
                long b = row + sizes.inner() + (long) (h * sizes.groups / sizes.heads) * n;
                double dt = step(all, begin + t, h);
                chunk.decay[t] = dt * a;
                for (int i = 0; i < n; i++) {
                    chunk.k[t][i] = xbc.get(b + i);
                    chunk.q[t][i] = xbc.get(b + (long) sizes.groups * n + i);
                }
                for (int p = 0; p < width; p++) chunk.v[t][p] = dt * xbc.get(row + (long) h * width + p);
            }
            chunk.scalar(turned, count);
            for (int t = 0; t < count; t++) {
                for (int p = 0; p < width; p++) {
                    double x = xbc.get((long) (begin + t) * xbc.cols() + (long) h * width + p);
                    y.set((long) (begin + t) * y.cols() + (long) h * width + p, (float) (chunk.o[t][p] + skip.get(h) * x));
                }
            }
        }
        for (int p = 0; p < width; p++) for (int i = 0; i < n; i++) s[p * n + i] = turned[i * width + p];
    }

    /// y = RMS(y * silu(z)) * weight, or RMS(y) * weight * silu(z).
    private void finish(Tensor all, Tensor y, int t) {
        int width = sizes.inner();
        double squares = 0;
        double[] open = new double[width];
        double[] values = new double[width];
        for (int i = 0; i < width; i++) {
            double z = all.get((long) t * all.cols() + i);
            open[i] = z / (1 + Math.exp(-z));
            values[i] = y.get((long) t * width + i) * (normFirst ? 1 : open[i]);
            squares += values[i] * values[i];
        }
        double factor = 1 / Math.sqrt(squares / width + eps);
        for (int i = 0; i < width; i++) {
            y.set((long) t * width + i, (float) (values[i] * factor * norm.get(i) * (normFirst ? open[i] : 1)));
        }
    }
}
