// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.AdapterSet;
import dev.stoa.adapter.Delta;
import dev.stoa.adapter.TargetId;
import dev.stoa.nn.mixer.MixerSpec;
import dev.stoa.tensor.Tensor;
import java.util.Map;

/// The oracle of the decoder: the whole sequence at once, in float64, written from the papers without any kernel,
/// cache or batch. `Mutant` plants one mistake, so that a test can show it would be seen.
final class ReferenceForward {
    enum Mutant { NONE, ROPE_PAIRS, NO_QUERY_KEY_NORM, HEAD_MAP, SEES_FUTURE, NO_SCALE, GATE_SWAPPED, BIAS_DROPPED }

    private final ModelSpec spec;
    private final Map<String, Tensor> tensors;
    private final AdapterSet adapters;
    private final Mutant mutant;

    ReferenceForward(ModelSpec spec, Map<String, Tensor> tensors, AdapterSet adapters, Mutant mutant) {
        this.spec = spec;
        this.tensors = tensors;
        this.adapters = adapters;
        this.mutant = mutant;
    }

    /// Logits [T][vocab].
    double[][] logits(int... ids) {
        double[][] x = residual(spec.layers().size() - 1, ids);
        double[] weight = vector("norm.weight");
        double[][] out = new double[ids.length][];
        for (int t = 0; t < ids.length; t++) {
            double[] normed = rms(x[t], weight, spec.finalNorm().eps());
            out[t] = linear("lm_head", spec.headWeight(), normed);
        }
        return out;
    }

    /// The residual stream [T][hidden] after `lastLayer`.
    double[][] residual(int lastLayer, int... ids) {
        double[][] x = new double[ids.length][spec.hidden()];
        double[] table = vector("embed_tokens.weight");
        for (int t = 0; t < ids.length; t++) System.arraycopy(table, ids[t] * spec.hidden(), x[t], 0, spec.hidden());
        for (int l = 0; l <= lastLayer; l++) {
            LayerSpec layer = spec.layers().get(l);
            MixerSpec.Attention a = (MixerSpec.Attention) layer.mixer();
            attention(layer, a, x);
            double[] weight = vector(layer.path("post_attention_layernorm.weight"));
            for (double[] row : x) {
                double[] normed = rms(row, weight, layer.ffnNorm().eps());
                double[] gate = linear(layer.path("mlp.gate_proj"), normed);
                double[] up = linear(layer.path("mlp.up_proj"), normed);
                double[] hidden = new double[gate.length];
                for (int i = 0; i < gate.length; i++) {
                    double g = mutant == Mutant.GATE_SWAPPED ? up[i] : gate[i];
                    double u = mutant == Mutant.GATE_SWAPPED ? gate[i] : up[i];
                    hidden[i] = g / (1 + Math.exp(-g)) * u;
                }
                add(row, linear(layer.path("mlp.down_proj"), hidden));
            }
        }
        return x;
    }

    private void attention(LayerSpec layer, MixerSpec.Attention a, double[][] x) {
        int length = x.length;
        double[][] q = new double[length][];
        double[][] k = new double[length][];
        double[][] v = new double[length][];
        double[] weight = vector(layer.path("input_layernorm.weight"));
        for (int t = 0; t < length; t++) {
            double[] normed = rms(x[t], weight, layer.mixerNorm().eps());
            q[t] = rotated(headNormed(linear(layer.path("self_attn.q_proj"), normed), layer.path("self_attn.q_norm.weight"), a), a, t);
            k[t] = rotated(headNormed(linear(layer.path("self_attn.k_proj"), normed), layer.path("self_attn.k_norm.weight"), a), a, t);
            v[t] = linear(layer.path("self_attn.v_proj"), normed);
        }
        int d = a.headDim();
        for (int t = 0; t < length; t++) {
            double[] mixed = new double[a.heads() * d];
            int first = a.window() == 0 ? 0 : Math.max(0, t + 1 - a.window());
            int last = mutant == Mutant.SEES_FUTURE ? length - 1 : t;
            for (int h = 0; h < a.heads(); h++) {
                int kv = mutant == Mutant.HEAD_MAP ? h % a.kvHeads() : h * a.kvHeads() / a.heads();
                double[] scores = new double[last + 1];
                double sum = 0;
                for (int s = first; s <= last; s++) {
                    double dot = 0;
                    for (int i = 0; i < d; i++) dot += q[t][h * d + i] * k[s][kv * d + i];
                    scores[s] = Math.exp(dot * (mutant == Mutant.NO_SCALE ? 1 : 1 / Math.sqrt(d)));
                    sum += scores[s];
                }
                for (int s = first; s <= last; s++) {
                    for (int i = 0; i < d; i++) mixed[h * d + i] += scores[s] / sum * v[s][kv * d + i];
                }
            }
            add(x[t], linear(layer.path("self_attn.o_proj"), mixed));
        }
    }

    private double[] headNormed(double[] x, String name, MixerSpec.Attention a) {
        if (a.queryKeyNorm() == null || mutant == Mutant.NO_QUERY_KEY_NORM) return x;
        double[] out = new double[x.length];
        for (int from = 0; from < x.length; from += a.headDim()) {
            double[] head = java.util.Arrays.copyOfRange(x, from, from + a.headDim());
            System.arraycopy(rms(head, vector(name), a.queryKeyNorm().eps()), 0, out, from, a.headDim());
        }
        return out;
    }

    private double[] rotated(double[] x, MixerSpec.Attention a, int position) {
        double[] out = x.clone();
        double[] frequencies = a.rope().inverseFrequencies();
        int half = frequencies.length;
        for (int from = 0; from < x.length; from += a.headDim()) {
            for (int i = 0; i < half; i++) {
                int one = from + (mutant == Mutant.ROPE_PAIRS ? 2 * i : i);
                int two = mutant == Mutant.ROPE_PAIRS ? one + 1 : one + half;
                double cos = Math.cos(position * frequencies[i]) * a.rope().magnitude();
                double sin = Math.sin(position * frequencies[i]) * a.rope().magnitude();
                out[one] = x[one] * cos - x[two] * sin;
                out[two] = x[two] * cos + x[one] * sin;
            }
        }
        return out;
    }

    private double[] linear(String path, double[] x) {
        return linear(path, path + ".weight", x);
    }

    private double[] linear(String path, String weight, double[] x) {
        double[] y = multiply(tensors.get(weight), x);
        Tensor bias = tensors.get(path + ".bias");
        if (bias != null && mutant != Mutant.BIAS_DROPPED) for (int i = 0; i < y.length; i++) y[i] += bias.get(i);
        for (AdapterSet.Member member : adapters.members()) {
            if (member.adapter().entries().get(TargetId.ofPath(path)) instanceof Delta.LowRank low) {
                double[] delta = multiply(low.b(), multiply(low.a(), x));
                for (int i = 0; i < y.length; i++) y[i] += member.weight() * low.scale() * delta[i];
            }
        }
        return y;
    }

    private static double[] multiply(Tensor w, double[] x) {
        double[] y = new double[w.rows()];
        for (int n = 0; n < y.length; n++) for (int i = 0; i < x.length; i++) y[n] += (double) w.get((long) n * x.length + i) * x[i];
        return y;
    }

    private double[] vector(String name) {
        float[] values = tensors.get(name).toArray();
        double[] out = new double[values.length];
        for (int i = 0; i < out.length; i++) out[i] = values[i];
        return out;
    }

    private static double[] rms(double[] x, double[] weight, double eps) {
        double sum = 0;
        for (double value : x) sum += value * value;
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) y[i] = x[i] / Math.sqrt(sum / x.length + eps) * weight[i];
        return y;
    }

    private static void add(double[] to, double[] what) {
        for (int i = 0; i < to.length; i++) to[i] += what[i];
    }
}
