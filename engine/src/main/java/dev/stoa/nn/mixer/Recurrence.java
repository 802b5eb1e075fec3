// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.RecurrentShape.Slot;
import java.util.List;

/// The rule of one linear-attention kind: what one token does to the state of one head. All rules share projections,
/// heads, output norm, gate and o_proj, which [LinearAttention] has. Queries arrive unscaled.
///
/// Shapes: q, k (Dk), v, o (Dv), states as declared by [#slots], row-major, without the head axis.
interface Recurrence {
    String kind();

    /// Names of the three main projections.
    default List<String> mainLeaves() {
        return List.of("q_proj", "k_proj", "v_proj");
    }

    /// Further projections of the input, each with its width per head.
    record Gate(String leaf, int width) {}

    List<Gate> gates(MixerConfig config, int keyDim, int valueDim);

    /// State of one head; the first axis of what is stored is the head.
    List<Slot> slots(MixerConfig config, int heads, int keyDim, int valueDim);

    /// Whether the output is always multiplied by silu(g_proj x).
    default boolean alwaysGated() {
        return false;
    }

    void step(int head, MixerConfig config, float[] q, float[] k, float[] v, float[][] gates, float[][] states, float[] o);

    /// Room for the tokens of one chunk.
    default Chunk chunk(MixerConfig config, int keyDim, int valueDim) {
        return new Chunk(keyDim, valueDim);
    }

    /// Prepares token `t` of a chunk: q scaled, decays, rates and whatever else comes from its gates.
    void enter(int head, MixerConfig config, float[][] gates, Chunk chunk, int t);

    /// Runs the `count` tokens of a chunk.
    void run(Chunk chunk, float[][] states, int count);

    /// q / sqrt(Dk), in place.
    static void scale(double[] q) {
        double factor = 1 / Math.sqrt(q.length);
        for (int i = 0; i < q.length; i++) q[i] *= factor;
    }

    /// log sigmoid.
    static double logSigmoid(double x) {
        return x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x));
    }

    /// o = q S * scale, S (Dk, Dv).
    static void read(float[] q, double scale, float[] s, float[] o) {
        java.util.Arrays.fill(o, 0);
        for (int i = 0; i < q.length; i++) {
            float factor = (float) (q[i] * scale);
            for (int j = 0; j < o.length; j++) o[j] += factor * s[i * o.length + j];
        }
    }

    /// Retention (Sun et al., 2307.08621): S = gamma_h S + k v, gamma_h = 1 - 2^(-5-h).
    record RetNet() implements Recurrence {
        @Override
        public String kind() {
            return "retnet";
        }

        @Override
        public List<Gate> gates(MixerConfig config, int keyDim, int valueDim) {
            return List.of();
        }

        @Override
        public List<Slot> slots(MixerConfig config, int heads, int keyDim, int valueDim) {
            return List.of(new Slot("state", heads, keyDim, valueDim));
        }

        @Override
        public void step(int head, MixerConfig config, float[] q, float[] k, float[] v, float[][] gates, float[][] states, float[] o) {
            float gamma = (float) (1 - Math.pow(2, -5 - head));
            float[] s = states[0];
            for (int i = 0; i < k.length; i++) {
                for (int j = 0; j < v.length; j++) s[i * v.length + j] = gamma * s[i * v.length + j] + k[i] * v[j];
            }
            read(q, 1 / Math.sqrt(q.length), s, o);
        }

        @Override
        public void enter(int head, MixerConfig config, float[][] gates, Chunk chunk, int t) {
            scale(chunk.q[t]);
            chunk.decay[t] = Math.log1p(-Math.pow(2, -5 - head));
        }

        @Override
        public void run(Chunk chunk, float[][] states, int count) {
            chunk.scalar(states[0], count);
        }
    }

    /// Gated linear attention (Yang et al., 2312.06635): S = diag(e^g) S + k v, g = log sigmoid(W_g x) / normalizer.
    record Gla() implements Recurrence {
        @Override
        public String kind() {
            return "gla";
        }

        @Override
        public List<Gate> gates(MixerConfig config, int keyDim, int valueDim) {
            return List.of(new Gate("gk_proj", keyDim));
        }

        @Override
        public List<Slot> slots(MixerConfig config, int heads, int keyDim, int valueDim) {
            return List.of(new Slot("state", heads, keyDim, valueDim));
        }

        @Override
        public void step(int head, MixerConfig config, float[] q, float[] k, float[] v, float[][] gates, float[][] states, float[] o) {
            double normalizer = config.number("gate_logit_normalizer", 1);
            float[] s = states[0];
            for (int i = 0; i < k.length; i++) {
                float keep = (float) Math.exp(logSigmoid(gates[0][i]) / normalizer);
                for (int j = 0; j < v.length; j++) s[i * v.length + j] = keep * s[i * v.length + j] + k[i] * v[j];
            }
            read(q, 1 / Math.sqrt(q.length), s, o);
        }

        @Override
        public void enter(int head, MixerConfig config, float[][] gates, Chunk chunk, int t) {
            scale(chunk.q[t]);
            double normalizer = config.number("gate_logit_normalizer", 1);
            for (int i = 0; i < gates[0].length; i++) chunk.decays[t][i] = logSigmoid(gates[0][i]) / normalizer;
        }

        @Override
        public void run(Chunk chunk, float[][] states, int count) {
            chunk.gated(states[0], count);
        }
    }

    /// Delta net (Yang et al., 2406.06484): r = k S, S += k (beta (v - r)), read after the write; keys are L2-normalized.
    record DeltaNet() implements Recurrence {
        @Override
        public String kind() {
            return "deltanet";
        }

        @Override
        public List<Gate> gates(MixerConfig config, int keyDim, int valueDim) {
            return List.of(new Gate("b_proj", 1));
        }

        @Override
        public List<Slot> slots(MixerConfig config, int heads, int keyDim, int valueDim) {
            return List.of(new Slot("state", heads, keyDim, valueDim));
        }

        @Override
        public void step(int head, MixerConfig config, float[] q, float[] k, float[] v, float[][] gates, float[][] states, float[] o) {
            double squares = 0;
            for (float value : k) squares += (double) value * value;
            float[] unit = new float[k.length];
            for (int i = 0; i < k.length; i++) unit[i] = (float) (k[i] / Math.sqrt(squares + 1e-6));
            double beta = 1 / (1 + Math.exp(-gates[0][0]));
            float[] s = states[0];
            float[] found = new float[v.length];
            read(unit, 1, s, found);
            for (int j = 0; j < v.length; j++) found[j] = (float) (beta * (v[j] - found[j]));
            for (int i = 0; i < k.length; i++) {
                for (int j = 0; j < v.length; j++) s[i * v.length + j] += unit[i] * found[j];
            }
            read(q, 1 / Math.sqrt(q.length), s, o);
        }

        @Override
        public void enter(int head, MixerConfig config, float[][] gates, Chunk chunk, int t) {
            scale(chunk.q[t]);
            double squares = 0;
            for (double value : chunk.k[t]) squares += value * value;
            for (int i = 0; i < chunk.k[t].length; i++) chunk.k[t][i] /= Math.sqrt(squares + 1e-6);
            chunk.rate[t] = 1 / (1 + Math.exp(-gates[0][0]));
        }

        @Override
        public void run(Chunk chunk, float[][] states, int count) {
            chunk.delta(states[0], count);
        }
    }

    /// Gated slot attention (Zhang et al., 2409.07146): M slots of keys and values, forgotten by f and filled by 1 - e^f;
    /// o = softmax(q S_k) S_v.
    record Gsa() implements Recurrence {
        @Override
        public String kind() {
            return "gsa";
        }

        @Override
        public List<Gate> gates(MixerConfig config, int keyDim, int valueDim) {
            return List.of(new Gate("f_proj", slots(config)));
        }

        private static int slots(MixerConfig config) {
            return config.integer("num_slots", 64, 1);
        }

        @Override
        public List<Slot> slots(MixerConfig config, int heads, int keyDim, int valueDim) {
            return List.of(new Slot("keys", heads, slots(config), keyDim), new Slot("values", heads, slots(config), valueDim));
        }

        @Override
        public boolean alwaysGated() {
            return true;
        }

        @Override
        public void step(int head, MixerConfig config, float[] q, float[] k, float[] v, float[][] gates, float[][] states, float[] o) {
            double normalizer = config.number("gate_logit_normalizer", 1);
            int count = gates[0].length;
            double[] scores = new double[count];
            double max = Double.NEGATIVE_INFINITY;
            for (int m = 0; m < count; m++) {
                float keep = (float) Math.exp(logSigmoid(gates[0][m]) / normalizer);
                float take = 1 - keep;
                for (int i = 0; i < k.length; i++) {
                    int at = m * k.length + i;
                    states[0][at] = states[0][at] * keep + take * k[i];
                    scores[m] += (double) q[i] * states[0][at];
                }
                for (int j = 0; j < v.length; j++) states[1][m * v.length + j] = states[1][m * v.length + j] * keep + take * v[j];
                max = Math.max(max, scores[m]);
            }
            double total = 0;
            for (int m = 0; m < count; m++) total += scores[m] = Math.exp(scores[m] - max);
            double[] sum = new double[o.length];
            for (int m = 0; m < count; m++) for (int j = 0; j < o.length; j++) sum[j] += scores[m] / total * states[1][m * o.length + j];
            for (int j = 0; j < o.length; j++) o[j] = (float) sum[j];
        }

        @Override
        public Chunk chunk(MixerConfig config, int keyDim, int valueDim) {
            return Chunk.ofSlots(keyDim, valueDim, slots(config));
        }

        @Override
        public void enter(int head, MixerConfig config, float[][] gates, Chunk chunk, int t) {
            double normalizer = config.number("gate_logit_normalizer", 1);
            for (int m = 0; m < gates[0].length; m++) {
                double f = logSigmoid(gates[0][m]) / normalizer;
                chunk.slots.decays[t][m] = f;
                chunk.slots.k[t][m] = -Math.expm1(f);
            }
        }

        @Override
        public void run(Chunk chunk, float[][] states, int count) {
            chunk.slots(states[0], states[1], count);
        }
    }

    /// The core of RWKV-7 (Peng et al., 2503.14456): S = diag(e^w) S + b (a S) + k v with w = -exp(W_w x), o = r S.
    record Rwkv7() implements Recurrence {
        @Override
        public String kind() {
            return "rwkv7";
        }

        @Override
        public List<String> mainLeaves() {
            return List.of("r_proj", "k_proj", "v_proj");
        }

        @Override
        public List<Gate> gates(MixerConfig config, int keyDim, int valueDim) {
            return List.of(new Gate("w_proj", keyDim), new Gate("a_proj", keyDim), new Gate("b_proj", keyDim));
        }

        @Override
        public List<Slot> slots(MixerConfig config, int heads, int keyDim, int valueDim) {
            return List.of(new Slot("state", heads, keyDim, valueDim));
        }

        @Override
        public void step(int head, MixerConfig config, float[] q, float[] k, float[] v, float[][] gates, float[][] states, float[] o) {
            float[] s = states[0];
            float[] found = new float[v.length];
            read(gates[1], 1, s, found);
            for (int i = 0; i < k.length; i++) {
                float keep = (float) Math.exp(-Math.exp(gates[0][i]));
                for (int j = 0; j < v.length; j++) {
                    s[i * v.length + j] = keep * s[i * v.length + j] + gates[2][i] * found[j] + k[i] * v[j];
                }
            }
            read(q, 1, s, o);
        }

        @Override
        public Chunk chunk(MixerConfig config, int keyDim, int valueDim) {
            return Chunk.ofLowRank(keyDim, valueDim);
        }

        @Override
        public void enter(int head, MixerConfig config, float[][] gates, Chunk chunk, int t) {
            for (int i = 0; i < gates[0].length; i++) {
                chunk.decays[t][i] = -Math.exp(gates[0][i]);
                chunk.a[t][i] = gates[1][i];
                chunk.b[t][i] = gates[2][i];
            }
        }

        @Override
        public void run(Chunk chunk, float[][] states, int count) {
            chunk.lowRank(states[0], count);
        }
    }
}
