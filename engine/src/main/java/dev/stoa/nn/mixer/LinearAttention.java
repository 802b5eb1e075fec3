// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.RecurrentShape;
import dev.stoa.cache.RecurrentShape.Slot;
import dev.stoa.cache.RecurrentState;
import dev.stoa.cache.StateShape;
import dev.stoa.nn.Linear;
import dev.stoa.nn.mixer.Recurrence.Gate;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Linear attention by any [Recurrence]: project, run the rule token by token and head by head, optionally norm each head
/// (`group_norm`) and multiply by silu(g_proj x) (`output_gate`), project back. Heads own contiguous channels.
final class LinearAttention implements Mixer {
    private static final int Q = 0;
    private static final int K = 1;
    private static final int V = 2;
    private static final int OUT = 3;
    private static final int OUTPUT_GATE = 4;
    private static final int FIRST_GATE = 5;

    private final Recurrence rule;
    private final MixerConfig config;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear o;
    private final List<Linear> gates = new ArrayList<>();
    private final Linear outputGate;
    private final Tensor norm;
    private final int valueDim;
    private final RecurrentShape shape;
    private final boolean chunked;

    private LinearAttention(Recurrence rule, MixerBuildContext context) {
        this.rule = rule;
        config = context.config();
        valueDim = valueDim(config);
        chunked = Chunk.wanted(config);
        q = context.linear(rule.mainLeaves().get(0));
        k = context.linear(rule.mainLeaves().get(1));
        v = context.linear(rule.mainLeaves().get(2));
        o = context.linear("o_proj");
        for (Gate gate : rule.gates(config, config.headDim(), valueDim)) gates.add(context.linear(gate.leaf()));
        outputGate = gated(rule, config) ? context.linear("g_proj") : null;
        norm = config.flag("group_norm", false) ? context.weight("g_norm.weight") : null;
        shape = new RecurrentShape(rule.slots(config, config.heads(), config.headDim(), valueDim));
    }

    private static int valueDim(MixerConfig config) {
        return config.integer("value_head_dim", config.headDim(), 1);
    }

    private static boolean gated(Recurrence rule, MixerConfig config) {
        return rule.alwaysGated() || config.flag("output_gate", false);
    }

    /// Registers one rule as a kind.
    record Provider(Recurrence rule) implements MixerProvider {
        @Override
        public String kind() {
            return rule.kind();
        }

        @Override
        public List<MixerTensor> tensors(MixerConfig c) {
            int dv = valueDim(c);
            List<MixerTensor> tensors = new ArrayList<>();
            tensors.add(MixerTensor.linear(rule.mainLeaves().get(0), (long) c.heads() * c.headDim(), c.hidden()));
            tensors.add(MixerTensor.linear(rule.mainLeaves().get(1), (long) c.kvHeads() * c.headDim(), c.hidden()));
            tensors.add(MixerTensor.linear(rule.mainLeaves().get(2), (long) c.kvHeads() * dv, c.hidden()));
            for (Gate gate : rule.gates(c, c.headDim(), dv)) tensors.add(MixerTensor.linear(gate.leaf(), (long) c.heads() * gate.width(), c.hidden()));
            if (gated(rule, c)) tensors.add(MixerTensor.linear("g_proj", (long) c.heads() * dv, c.hidden()));
            if (c.flag("group_norm", false)) tensors.add(MixerTensor.values("g_norm.weight", dv));
            tensors.add(MixerTensor.linear("o_proj", c.hidden(), (long) c.heads() * dv));
            return tensors;
        }

        @Override
        public Mixer build(MixerBuildContext context) {
            return new LinearAttention(rule, context);
        }
    }

    @Override
    public StateShape stateShape() {
        return shape;
    }

    @Override
    public int[] widths() {
        int[] widths = new int[FIRST_GATE + gates.size()];
        widths[Q] = q.outputs();
        widths[K] = k.outputs();
        widths[V] = v.outputs();
        widths[OUT] = o.inputs();
        widths[OUTPUT_GATE] = outputGate == null ? 0 : outputGate.outputs();
        for (int i = 0; i < gates.size(); i++) widths[FIRST_GATE + i] = gates.get(i).outputs();
        return widths;
    }

    @Override
    public void mix(MixerCall call) {
        Tensor[] inputs = new Tensor[FIRST_GATE + gates.size()];
        inputs[Q] = project(call, q, Q);
        inputs[K] = project(call, k, K);
        inputs[V] = project(call, v, V);
        if (outputGate != null) inputs[OUTPUT_GATE] = project(call, outputGate, OUTPUT_GATE);
        for (int i = 0; i < gates.size(); i++) inputs[FIRST_GATE + i] = project(call, gates.get(i), FIRST_GATE + i);
        Tensor output = inputs[OUT] = call.buffers().at(OUT, call.rows(), o.inputs());
        for (int from = 0; from < call.rows(); from = call.endOfSequence(from)) {
            int first = from;
            int to = call.endOfSequence(from);
            RecurrentState state = (RecurrentState) call.states()[from];
            state.begin(call.positions()[from], to - from);
            call.kernels().workers().parallel(config.heads(), 1, (worker, h0, h1) -> {
                for (int h = h0; h < h1; h++) head(h, inputs, first, to, state);
            });
        }
        call.projections().apply(o, output, call.y(), call.accumulate());
    }

    private static Tensor project(MixerCall call, Linear linear, int slot) {
        Tensor y = call.buffers().at(slot, call.rows(), linear.outputs());
        call.projections().apply(linear, call.x(), y, false);
        return y;
    }

    private void head(int h, Tensor[] inputs, int from, int to, RecurrentState state) {
        int kv = h * config.kvHeads() / config.heads();
        List<Slot> slots = shape.slots();
        float[][] states = new float[slots.size()][];
        for (int s = 0; s < states.length; s++) {
            states[s] = new float[Math.toIntExact(slots.get(s).floats() / config.heads())];
            MemorySegment.copy(state.slot(s).data(), Tensor.FLOAT, 4L * h * states[s].length, states[s], 0, states[s].length);
        }
        float[] query = new float[config.headDim()];
        float[] key = new float[config.headDim()];
        float[] value = new float[valueDim];
        float[] out = new float[valueDim];
        float[][] gate = new float[gates.size()][];
        for (int i = 0; i < gate.length; i++) gate[i] = new float[gates.get(i).outputs() / config.heads()];
        Chunk chunk = chunked ? rule.chunk(config, query.length, valueDim) : null;
        for (int t = from; t < to; t++) {
            take(inputs[Q], t, h, query);
            take(inputs[K], t, kv, key);
            take(inputs[V], t, kv, value);
            for (int i = 0; i < gate.length; i++) take(inputs[FIRST_GATE + i], t, h, gate[i]);
            if (chunked) {
                int at = (t - from) % Chunk.LENGTH;
                widen(query, chunk.q[at]);
                widen(key, chunk.k[at]);
                widen(value, chunk.v[at]);
                rule.enter(h, config, gate, chunk, at);
                if (at + 1 < Chunk.LENGTH && t + 1 < to) continue;
                rule.run(chunk, states, at + 1);
                for (int i = 0; i <= at; i++) {
                    for (int j = 0; j < valueDim; j++) out[j] = (float) chunk.o[i][j];
                    finish(out, inputs, t - at + i, h);
                }
            } else {
                rule.step(h, config, query, key, value, gate, states, out);
                finish(out, inputs, t, h);
            }
        }
        for (int s = 0; s < states.length; s++) {
            MemorySegment.copy(states[s], 0, state.slot(s).data(), Tensor.FLOAT, 4L * h * states[s].length, states[s].length);
        }
    }

    private static void widen(float[] from, double[] to) {
        for (int i = 0; i < to.length; i++) to[i] = from[i];
    }

    private static void take(Tensor x, int row, int head, float[] out) {
        MemorySegment.copy(x.data(), Tensor.FLOAT, 4L * ((long) row * x.cols() + (long) head * out.length), out, 0, out.length);
    }

    private void finish(float[] out, Tensor[] inputs, int t, int h) {
        double factor = 1;
        if (norm != null) {
            double squares = 0;
            for (float value : out) squares += (double) value * value;
            factor = 1 / Math.sqrt(squares / out.length + config.eps());
        }
        long at = (long) t * inputs[OUT].cols() + (long) h * valueDim;
        for (int j = 0; j < out.length; j++) {
            double value = out[j] * factor * (norm == null ? 1 : norm.get(j));
            if (outputGate != null) {
                double open = inputs[OUTPUT_GATE].get(at + j);
                value *= open / (1 + Math.exp(-open));
            }
            inputs[OUT].set(at + j, (float) value);
        }
    }
}
