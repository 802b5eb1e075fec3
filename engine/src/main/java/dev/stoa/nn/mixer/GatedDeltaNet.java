// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.RecurrentShape;
import dev.stoa.cache.RecurrentShape.Slot;
import dev.stoa.cache.RecurrentState;
import dev.stoa.cache.StateShape;
import dev.stoa.nn.Linear;
import dev.stoa.tensor.Tensor;
import java.util.List;

/// Gated delta net (Yang et al., 2412.06464) as Qwen3.5 has it: a short convolution over q, k, v; per value head
/// S = e^g S, r = k S, S += k (beta (v - r)), o = q S / sqrt(Dk); RMS per head, times silu(z). Runs token by token, head by
/// head, so that any cut of a sequence gives the same bits; `recurrence: chunked` runs [Chunk]s.
public final class GatedDeltaNet implements Mixer {
    private static final int QKV = 0;
    private static final int Z = 1;
    private static final int A = 2;
    private static final int B = 3;
    private static final int OUT = 4;
    private static final double L2_EPSILON = 1e-6;

    /// Registers the kind `gated_deltanet`. Config: heads = value heads, kvHeads = key heads, headDim = key width.
    public static final class Provider implements MixerProvider {
        @Override
        public String kind() {
            return "gated_deltanet";
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig c) {
            int keys = c.kvHeads() * c.headDim();
            int values = c.heads() * valueDim(c);
            return List.of(MixerTensor.linear("in_proj_qkv", 2L * keys + values, c.hidden()), MixerTensor.linear("in_proj_z", values, c.hidden()),
                    MixerTensor.linear("in_proj_b", c.heads(), c.hidden()), MixerTensor.linear("in_proj_a", c.heads(), c.hidden()),
                    MixerTensor.values("conv1d.weight", 2L * keys + values, c.integer("conv_kernel", 4, 1)),
                    MixerTensor.values("A_log", c.heads()), MixerTensor.values("dt_bias", c.heads()),
                    MixerTensor.values("norm.weight", valueDim(c)), MixerTensor.linear("out_proj", c.hidden(), values));
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return new GatedDeltaNet(context);
        }
    }

    private final int valueHeads;
    private final int keyHeads;
    private final int keyDim;
    private final int valueDim;
    private final float eps;
    private final boolean tiled;
    private final boolean chunked;
    private final Linear qkv;
    private final Linear z;
    private final Linear a;
    private final Linear b;
    private final Linear out;
    private final CausalConv conv;
    private final Tensor decay;
    private final Tensor dtBias;
    private final Tensor norm;

    private GatedDeltaNet(MixerBuildContext context) {
        MixerConfig config = context.config();
        valueHeads = config.heads();
        keyHeads = config.kvHeads();
        keyDim = config.headDim();
        valueDim = valueDim(config);
        eps = config.eps();
        tiled = config.flag("tiled_value_heads", false);
        chunked = Chunk.wanted(config);
        qkv = context.linear("in_proj_qkv");
        z = context.linear("in_proj_z");
        a = context.linear("in_proj_a");
        b = context.linear("in_proj_b");
        out = context.linear("out_proj");
        conv = new CausalConv(context.weight("conv1d.weight"), null);
        decay = context.weight("A_log");
        dtBias = context.weight("dt_bias");
        norm = context.weight("norm.weight");
    }

    private static int valueDim(MixerConfig config) {
        return config.integer("value_head_dim", config.headDim(), 1);
    }

    @Override
    public StateShape stateShape() {
        return new RecurrentShape(List.of(new Slot("conv", conv.kernel() - 1, qkv.outputs()), new Slot("state", valueHeads, keyDim, valueDim)));
    }

    @Override
    public int[] widths() {
        return new int[] {qkv.outputs(), z.outputs(), valueHeads, valueHeads, z.outputs()};
    }

    @Override
    public void mix(MixerCall call) {
        int rows = call.rows();
        Tensor mixed = project(call, qkv, QKV);
        Tensor gate = project(call, z, Z);
        Tensor decays = project(call, a, A);
        Tensor rates = project(call, b, B);
        Tensor output = call.buffers().at(OUT, rows, z.outputs());
        for (int from = 0; from < rows; from = call.endOfSequence(from)) {
            int first = from;
            int to = call.endOfSequence(from);
            RecurrentState state = (RecurrentState) call.states()[from];
            state.begin(call.positions()[from], to - from);
            conv.apply(call.kernels(), mixed, from, to, state.slot(0));
            call.kernels().workers().parallel(valueHeads, 1, (worker, h0, h1) -> {
                for (int h = h0; h < h1; h++) head(h, mixed, gate, decays, rates, output, first, to, state.slot(1));
            });
        }
        call.projections().apply(out, output, call.y(), call.accumulate());
    }

    private static Tensor project(MixerCall call, Linear linear, int slot) {
        Tensor y = call.buffers().at(slot, call.rows(), linear.outputs());
        call.projections().apply(linear, call.x(), y, false);
        return y;
    }

    private void head(int h, Tensor mixed, Tensor gate, Tensor decays, Tensor rates, Tensor output, int from, int to, Tensor states) {
        int keyHead = tiled ? h % keyHeads : h * keyHeads / valueHeads;
        long queries = (long) keyHead * keyDim;
        long keys = queries + (long) keyHeads * keyDim;
        long values = 2L * keyHeads * keyDim + (long) h * valueDim;
        float[] s = new float[keyDim * valueDim];
        long place = (long) h * s.length;
        java.lang.foreign.MemorySegment.copy(states.data(), Tensor.FLOAT, place * 4, s, 0, s.length);
        float[] q = new float[keyDim];
        float[] k = new float[keyDim];
        float[] v = new float[valueDim];
        float[] o = new float[valueDim];
        Chunk chunk = chunked ? new Chunk(keyDim, valueDim) : null;
        for (int t = from; t < to; t++) {
            long row = (long) t * mixed.cols();
            normalized(mixed, row + queries, q, 1 / Math.sqrt(keyDim));
            normalized(mixed, row + keys, k, 1);
            double g = -Math.exp(decay.get(h)) * softplus(decays.get((long) t * valueHeads + h) + (double) dtBias.get(h));
            float beta = (float) (1 / (1 + Math.exp(-rates.get((long) t * valueHeads + h))));
            for (int j = 0; j < valueDim; j++) v[j] = mixed.get(row + values + j);
            if (chunked) {
                int at = (t - from) % Chunk.LENGTH;
                for (int i = 0; i < keyDim; i++) {
                    chunk.q[at][i] = q[i];
                    chunk.k[at][i] = k[i];
                }
                for (int j = 0; j < valueDim; j++) chunk.v[at][j] = v[j];
                chunk.decay[at] = g;
                chunk.rate[at] = beta;
                if (at + 1 < Chunk.LENGTH && t + 1 < to) continue;
                chunk.delta(s, at + 1);
                for (int i = 0; i <= at; i++) {
                    for (int j = 0; j < valueDim; j++) o[j] = (float) chunk.o[i][j];
                    finish(o, gate, t - at + i, h, output);
                }
            } else {
                step(s, q, k, v, (float) Math.exp(g), beta, o);
                finish(o, gate, t, h, output);
            }
        }
        java.lang.foreign.MemorySegment.copy(s, 0, states.data(), Tensor.FLOAT, place * 4, s.length);
    }

    /// One token: decay, read what the key finds, write the correction, read with the query.
    private static void step(float[] s, float[] q, float[] k, float[] v, float decay, float beta, float[] o) {
        int width = v.length;
        java.util.Arrays.fill(o, 0);
        for (int i = 0; i < k.length; i++) {
            for (int j = 0; j < width; j++) {
                s[i * width + j] *= decay;
                o[j] += k[i] * s[i * width + j];
            }
        }
        for (int j = 0; j < width; j++) v[j] = beta * (v[j] - o[j]);
        java.util.Arrays.fill(o, 0);
        for (int i = 0; i < k.length; i++) {
            for (int j = 0; j < width; j++) {
                s[i * width + j] += k[i] * v[j];
                o[j] += q[i] * s[i * width + j];
            }
        }
    }

    /// output = RMS(o) * weight * silu(z).
    private void finish(float[] o, Tensor gate, int t, int h, Tensor output) {
        double squares = 0;
        for (float value : o) squares += (double) value * value;
        double factor = 1 / Math.sqrt(squares / o.length + eps);
        long at = (long) t * output.cols() + (long) h * valueDim;
        for (int j = 0; j < o.length; j++) {
            double open = gate.get(at + j);
            output.set(at + j, (float) (o[j] * factor * norm.get(j) * open / (1 + Math.exp(-open))));
        }
    }

    private static void normalized(Tensor x, long from, float[] out, double scale) {
        double squares = 0;
        for (int i = 0; i < out.length; i++) squares += (double) x.get(from + i) * x.get(from + i);
        double factor = scale / Math.sqrt(squares + L2_EPSILON);
        for (int i = 0; i < out.length; i++) out[i] = (float) (x.get(from + i) * factor);
    }

    private static double softplus(double x) {
        return x > 20 ? x : Math.log1p(Math.exp(x));
    }
}
