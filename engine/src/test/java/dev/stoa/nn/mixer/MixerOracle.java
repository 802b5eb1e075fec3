// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/// The mixers in float64, the whole sequence at once, written from their definitions without states or kernels. `mutant`
/// plants one mistake by name; "" plants none.
final class MixerOracle {
    private final String kind;
    private final MixerConfig c;
    private final Map<String, double[][]> w;
    private final String mutant;

    MixerOracle(String kind, MixerRun run, String mutant) {
        this.kind = kind;
        this.c = run.config;
        this.w = run.weights;
        this.mutant = mutant;
    }

    private boolean is(String name) {
        return mutant.equals(name);
    }

    double[][] run(float[][] input) {
        double[][] x = new double[input.length][];
        for (int t = 0; t < x.length; t++) {
            x[t] = new double[input[t].length];
            for (int i = 0; i < x[t].length; i++) x[t][i] = input[t][i];
        }
        return switch (kind) {
            case "retnet", "gla", "deltanet", "gsa", "rwkv7" -> linear(x);
            case "gated_deltanet" -> gatedDelta(x);
            case "mamba2" -> mamba(x);
            case "mla" -> latent(x);
            case "nsa", "moba", "full_attention", "sliding_attention" -> attention(x);
            default -> throw new IllegalArgumentException(kind);
        };
    }

    private double[][] project(String leaf, double[][] x) {
        double[][] m = w.get(leaf);
        double[][] y = new double[x.length][m.length];
        for (int t = 0; t < x.length; t++) for (int n = 0; n < m.length; n++) for (int i = 0; i < m[n].length; i++) y[t][n] += m[n][i] * x[t][i];
        return y;
    }

    /// Channels of one head: contiguous, or strided for the mutant.
    private double[] head(double[] row, int heads, int h) {
        int d = row.length / heads;
        double[] out = new double[d];
        for (int i = 0; i < d; i++) out[i] = is("interleaved heads") ? row[i * heads + h] : row[h * d + i];
        return out;
    }

    private double[][] merged(double[][][] perHead, String out) {
        double[][] y = new double[perHead.length][];
        for (int t = 0; t < y.length; t++) y[t] = Arrays.stream(perHead[t]).flatMapToDouble(Arrays::stream).toArray();
        return project(out, y);
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    private static double silu(double x) {
        return x * sigmoid(x);
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
    }

    private static double[] scaled(double[] a, double f) {
        return Arrays.stream(a).map(v -> v * f).toArray();
    }

    private static double[] normalized(double[] a) {
        return scaled(a, 1 / Math.sqrt(dot(a, a) + 1e-6));
    }

    private static double[] read(double[] q, double[][] s) {
        double[] o = new double[s[0].length];
        for (int i = 0; i < q.length; i++) for (int j = 0; j < o.length; j++) o[j] += q[i] * s[i][j];
        return o;
    }

    private static void write(double[][] s, double[] k, double[] v) {
        for (int i = 0; i < k.length; i++) for (int j = 0; j < v.length; j++) s[i][j] += k[i] * v[j];
    }

    private double[][] linear(double[][] x) {
        boolean rwkv = kind.equals("rwkv7");
        double[][] q = project(rwkv ? is("r and k swapped") ? "k_proj" : "r_proj" : "q_proj", x);
        double[][] k = project(rwkv && is("r and k swapped") ? "r_proj" : "k_proj", x);
        double[][] v = project("v_proj", x);
        int heads = c.heads();
        double[][][] out = new double[x.length][heads][];
        double normalizer = is("normalizer ignored") ? 1 : c.number("gate_logit_normalizer", 1);
        for (int h = 0; h < heads; h++) {
            int kv = h * c.kvHeads() / heads;
            int dk = c.headDim();
            int dv = v[0].length / c.kvHeads();
            int slots = kind.equals("gsa") ? c.integer("num_slots", 64, 1) : dk;
            double[][] s = new double[slots][dv];
            double[][] sk = new double[slots][dk];
            for (int t = 0; t < x.length; t++) {
                double[] qt = head(q[t], heads, h);
                double[] kt = head(k[t], c.kvHeads(), kv);
                double[] vt = head(v[t], c.kvHeads(), kv);
                double[] scaledQ = scaled(qt, is("query not scaled") ? 1 : 1 / Math.sqrt(dk));
                switch (kind) {
                    case "retnet" -> {
                        double gamma = is("no decay") ? 1 : 1 - Math.pow(2, -5 - (is("decay of next head") ? h + 1 : h));
                        for (double[] row : s) for (int j = 0; j < dv; j++) row[j] *= gamma;
                        write(s, kt, vt);
                        out[t][h] = read(scaledQ, s);
                    }
                    case "gla" -> {
                        double[] g = head(project("gk_proj", new double[][] {x[t]})[0], heads, h);
                        for (int i = 0; i < dk; i++) for (int j = 0; j < dv; j++) s[i][j] *= Math.exp(Math.log(sigmoid(g[i])) / normalizer);
                        write(s, kt, vt);
                        out[t][h] = read(scaledQ, s);
                    }
                    case "deltanet" -> {
                        double beta = sigmoid(project("b_proj", new double[][] {x[t]})[0][h]);
                        double[] unit = is("keys not normalized") ? kt : normalized(kt);
                        double[] before = read(scaledQ, s);
                        double[] found = read(unit, s);
                        for (int j = 0; j < dv; j++) found[j] = (is("rate ignored") ? 1 : beta) * (vt[j] - found[j]);
                        write(s, unit, found);
                        out[t][h] = is("read before write") ? before : read(scaledQ, s);
                    }
                    case "gsa" -> {
                        double[] f = head(project("f_proj", new double[][] {x[t]})[0], heads, h);
                        double[] scores = new double[slots];
                        for (int m = 0; m < slots; m++) {
                            double keep = Math.exp(Math.log(sigmoid(f[m])) / normalizer);
                            double take = is("slots filled whole") ? 1 : 1 - keep;
                            for (int i = 0; i < dk; i++) sk[m][i] = sk[m][i] * keep + take * kt[i];
                            for (int j = 0; j < dv; j++) s[m][j] = s[m][j] * keep + take * vt[j];
                            scores[m] = dot(qt, sk[m]);
                        }
                        out[t][h] = read(softmax(scores), s);
                        double[] open = head(project("g_proj", new double[][] {x[t]})[0], heads, h);
                        for (int j = 0; j < dv; j++) out[t][h][j] *= is("silu dropped") ? open[j] : silu(open[j]);
                    }
                    default -> {
                        double[] decay = head(project("w_proj", new double[][] {x[t]})[0], heads, h);
                        double[] at = head(project(is("a and b swapped") ? "b_proj" : "a_proj", new double[][] {x[t]})[0], heads, h);
                        double[] bt = head(project(is("a and b swapped") ? "a_proj" : "b_proj", new double[][] {x[t]})[0], heads, h);
                        double[] found = read(at, s);
                        for (int i = 0; i < dk; i++) {
                            double keep = Math.exp(-Math.exp(decay[i]));
                            for (int j = 0; j < dv; j++) s[i][j] = keep * s[i][j] + bt[i] * found[j] + kt[i] * vt[j];
                        }
                        out[t][h] = read(qt, s);
                    }
                }
                if (!kind.equals("gsa")) finish(out[t], h, x[t]);
            }
        }
        return merged(out, "o_proj");
    }

    private void finish(double[][] out, int h, double[] x) {
        if (c.flag("group_norm", false) && !is("norm dropped")) {
            double mean = dot(out[h], out[h]) / out[h].length;
            for (int j = 0; j < out[h].length; j++) out[h][j] *= w.get("g_norm.weight")[0][j] / Math.sqrt(mean + c.eps());
        }
        if (c.flag("output_gate", false)) {
            double[] open = head(project("g_proj", new double[][] {x})[0], c.heads(), h);
            for (int j = 0; j < out[h].length; j++) out[h][j] *= is("silu dropped") ? open[j] : silu(open[j]);
        }
    }

    private double[][] conv(double[][] x, String weight, String bias) {
        double[][] taps = w.get(weight);
        double[][] y = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            for (int ch = 0; ch < taps.length; ch++) {
                int k = taps[ch].length;
                double sum = bias == null ? 0 : w.get(bias)[0][ch];
                for (int j = 0; j < k; j++) if (t - k + 1 + j >= 0) sum += taps[ch][is("convolution reversed") ? k - 1 - j : j] * x[t - k + 1 + j][ch];
                y[t][ch] = silu(sum);
            }
        }
        return y;
    }

    private double[][] gatedDelta(double[][] x) {
        double[][] mixed = conv(project("in_proj_qkv", x), "conv1d.weight", null);
        double[][] z = project("in_proj_z", x);
        double[][] a = project("in_proj_a", x);
        double[][] b = project("in_proj_b", x);
        int heads = c.heads();
        int keys = c.kvHeads() * c.headDim();
        double[][][] out = new double[x.length][heads][];
        for (int h = 0; h < heads; h++) {
            int kh = is("heads tiled") ? h % c.kvHeads() : h * c.kvHeads() / heads;
            int dv = z[0].length / heads;
            double[][] s = new double[c.headDim()][dv];
            for (int t = 0; t < x.length; t++) {
                double[] q = head(Arrays.copyOfRange(mixed[t], 0, keys), c.kvHeads(), kh);
                double[] k = normalized(head(Arrays.copyOfRange(mixed[t], keys, 2 * keys), c.kvHeads(), kh));
                double[] v = head(Arrays.copyOfRange(mixed[t], 2 * keys, mixed[t].length), heads, h);
                q = scaled(is("queries not normalized") ? q : normalized(q), 1 / Math.sqrt(c.headDim()));
                double decay = Math.exp(-Math.exp(w.get("A_log")[0][h]) * Math.log1p(Math.exp(a[t][h] + w.get("dt_bias")[0][h])));
                double[] early = read(k, s);
                for (double[] row : s) for (int j = 0; j < dv; j++) row[j] *= decay;
                double[] before = read(q, s);
                double[] found = is("decay after the read") ? early : read(k, s);
                for (int j = 0; j < dv; j++) found[j] = sigmoid(b[t][h]) * (v[j] - found[j]);
                write(s, k, found);
                double[] o = is("read before write") ? before : read(q, s);
                double[] gate = head(z[t], heads, h);
                if (is("gate before norm")) for (int j = 0; j < dv; j++) o[j] *= silu(gate[j]);
                double factor = 1 / Math.sqrt(dot(o, o) / dv + c.eps());
                for (int j = 0; j < dv; j++) o[j] *= factor * w.get("norm.weight")[0][j] * (is("gate before norm") ? 1 : silu(gate[j]));
                out[t][h] = o;
            }
        }
        return merged(out, "out_proj");
    }

    private double[][] mamba(double[][] x) {
        int heads = c.heads();
        int p = c.headDim();
        int n = c.integer("state_size", 128, 1);
        int groups = c.integer("n_groups", 1, 1);
        int inner = heads * p;
        double[][] all = project("in_proj", x);
        double[][] part = new double[x.length][];
        for (int t = 0; t < x.length; t++) part[t] = Arrays.copyOfRange(all[t], inner, inner + inner + 2 * groups * n);
        double[][] xbc = conv(part, "conv1d.weight", "conv1d.bias");
        double[][] y = new double[x.length][inner];
        for (int h = 0; h < heads; h++) {
            int g = is("groups reversed") ? groups - 1 - h * groups / heads : h * groups / heads;
            double[][] s = new double[p][n];
            for (int t = 0; t < x.length; t++) {
                double dt = Math.log1p(Math.exp(all[t][all[t].length - heads + h] + w.get("dt_bias")[0][h]));
                double keep = Math.exp(-dt * Math.exp(w.get("A_log")[0][h]));
                for (int i = 0; i < p; i++) {
                    double in = xbc[t][h * p + i];
                    double sum = is("skip dropped") ? 0 : w.get("D")[0][h] * in;
                    for (int j = 0; j < n; j++) {
                        s[i][j] = s[i][j] * keep + dt * in * xbc[t][inner + g * n + j];
                        sum += s[i][j] * xbc[t][inner + groups * n + g * n + j];
                    }
                    y[t][h * p + i] = sum;
                }
            }
        }
        boolean normFirst = c.flag("norm_before_gate", false) ^ is("norm before gate");
        for (int t = 0; t < x.length; t++) {
            if (!normFirst) for (int i = 0; i < inner; i++) y[t][i] *= silu(all[t][i]);
            double factor = 1 / Math.sqrt(dot(y[t], y[t]) / inner + c.eps());
            for (int i = 0; i < inner; i++) y[t][i] *= factor * w.get("norm.weight")[0][i] * (normFirst ? silu(all[t][i]) : 1);
        }
        return project("out_proj", y);
    }

    private void rotate(double[] x, int from, int width, int position) {
        if (c.rope() == null || is("positions ignored")) return;
        double[] f = c.rope().inverseFrequencies();
        for (int i = 0; i < f.length; i++) {
            double cos = Math.cos(position * f[i]);
            double sin = Math.sin(position * f[i]);
            double a = x[from + i];
            double b = x[from + i + f.length];
            x[from + i] = a * cos - b * sin;
            x[from + i + f.length] = b * cos + a * sin;
        }
    }

    private double[][] latent(double[][] x) {
        int heads = c.heads();
        int rank = c.integer("kv_lora_rank", 0, 1);
        int nope = c.integer("qk_nope_head_dim", c.headDim(), 1);
        int rope = c.integer("qk_rope_head_dim", 0, 0);
        int value = c.integer("v_head_dim", c.headDim(), 1);
        double[][] q = project("q_b_proj", project("q_a_proj", x));
        double[][] kv = project("kv_a_proj", x);
        double[][] low = new double[x.length][];
        for (int t = 0; t < x.length; t++) low[t] = Arrays.copyOf(kv[t], rank);
        double[][] both = c.flag("separate_kv", false) ? null : project("kv_b_proj", low);
        double[][] ks = both == null ? project("k_b_proj", low) : null;
        double[][] vs = both == null ? project("v_b_proj", low) : null;
        for (int t = 0; t < x.length; t++) {
            if (rope > 0) rotate(kv[t], rank, rope, t);
            for (int h = 0; h < heads && rope > 0; h++) rotate(q[t], h * (nope + rope) + nope, rope, t);
        }
        double[][][] out = new double[x.length][heads][];
        for (int h = 0; h < heads; h++) {
            for (int t = 0; t < x.length; t++) {
                double[] scores = new double[t + 1];
                double[][] values = new double[t + 1][value];
                for (int u = 0; u <= t; u++) {
                    for (int i = 0; i < nope; i++) {
                        double key = ks != null ? ks[u][h * nope + i] : both[u][is("keys and values in blocks") ? h * nope + i : h * (nope + value) + i];
                        scores[u] += q[t][h * (nope + rope) + i] * key;
                    }
                    for (int i = 0; i < rope; i++) scores[u] += q[t][h * (nope + rope) + nope + i] * kv[u][rank + i];
                    scores[u] /= Math.sqrt(is("scale without rope") ? nope : nope + rope);
                    for (int j = 0; j < value; j++) {
                        values[u][j] = vs != null ? vs[u][h * value + j]
                                : both[u][is("keys and values in blocks") ? heads * nope + h * value + j : h * (nope + value) + nope + j];
                    }
                }
                out[t][h] = read(softmax(scores), values);
            }
        }
        return merged(out, "o_proj");
    }

    private static double[] softmax(double[] scores) {
        double max = Arrays.stream(scores).max().orElse(0);
        double[] e = Arrays.stream(scores).map(v -> Math.exp(v - max)).toArray();
        return scaled(e, 1 / Arrays.stream(e).sum());
    }

    private double[][] attention(double[][] x) {
        int heads = c.heads();
        int kvHeads = c.kvHeads();
        int d = c.headDim();
        double[][] q = project("q_proj", x);
        double[][] k = project("k_proj", x);
        double[][] v = project("v_proj", x);
        for (int t = 0; t < x.length; t++) {
            for (int h = 0; h < heads; h++) rotate(q[t], h * d, d, t);
            for (int h = 0; h < kvHeads; h++) rotate(k[t], h * d, d, t);
        }
        double[][] gates = kind.equals("nsa") ? project("g_proj", x) : null;
        double[][][] out = new double[x.length][heads][];
        int block = c.integer("block_size", 64, 1);
        int window = c.integer("window", 0, 0);
        int newest = c.integer("rotating", 0, 0); // these two are keys of the oracle alone: what a rotating cache leaves
        int keep = c.integer("rotating_keep", 0, 0);
        for (int t = 0; t < x.length; t++) {
            int own = t / block;
            for (int h = 0; h < heads; h++) {
                int kv = is("kv heads strided") ? h % kvHeads : h * kvHeads / heads;
                final int time = t;
                double[] qt = head(q[t], heads, h);
                switch (kind) {
                    case "full_attention" -> out[t][h] = attend(qt, k, v, kv, is("sees the future") ? x.length : t + 1,
                            u -> newest == 0 || is("window ignored") || u < keep && !is("kept tokens dropped")
                                    || time - u < (is("window one too long") ? newest + 1 : newest));
                    case "sliding_attention" -> out[t][h] = attend(qt, k, v, kv, t + 1,
                            u -> is("window ignored") || (is("window one too long") ? time - u <= window : time - u < window));
                    default -> {
                        boolean nsa = kind.equals("nsa");
                        double[] rank = new double[own];
                        for (int b = 0; b < own; b++) {
                            double[] mean = mean(k, kv, b * block, (b + 1) * block);
                            if (!nsa) rank[b] = dot(qt, mean);
                            else for (int g = 0; g < heads; g++) if (g * kvHeads / heads == kv) rank[b] += dot(head(q[t], heads, g), mean);
                        }
                        List<Integer> best = best(rank, is("keeps all blocks") ? own : nsa ? c.integer("num_selected", 16, 1) - 1 : c.integer("top_k", 3, 0));
                        double[] leak = is("ranking leaks into scores") ? rank : new double[own];
                        out[t][h] = attend(qt, k, v, kv, t + 1, u -> u / block == own && !is("partial block dropped") || best.contains(u / block)
                                || u == time, u -> u / block < own ? leak[u / block] : 0);
                        if (nsa) addBranches(out[t], h, qt, k, v, kv, t, block, gates[t]);
                    }
                }
            }
        }
        return merged(out, "o_proj");
    }

    private void addBranches(double[][] out, int h, double[] q, double[][] k, double[][] v, int kv, int t, int block, double[] gates) {
        boolean shared = c.flag("shared_gates", false);
        double[] g = new double[3];
        for (int i = 0; i < 3; i++) g[i] = sigmoid(gates[shared ? i : 3 * h + i]);
        int complete = is("visible once started") ? t / block + 1 : (t + 1) / block;
        double[] compressed = new double[q.length];
        if (complete > 0 && !is("compressed branch dropped")) {
            double[] scores = new double[complete];
            double[][] values = new double[complete][];
            for (int b = 0; b < complete; b++) {
                int end = Math.min(k.length, (b + 1) * block);
                scores[b] = dot(q, mean(k, kv, b * block, end)) / Math.sqrt(q.length);
                values[b] = mean(v, kv, b * block, end);
            }
            compressed = read(softmax(scores), values);
        }
        int window = c.integer("window", 512, 1);
        double[] near = attend(q, k, v, kv, t + 1, u -> t - u < window);
        for (int i = 0; i < q.length; i++) out[h][i] = g[0] * compressed[i] + g[1] * out[h][i] + g[2] * near[i];
    }

    private double[] mean(double[][] rows, int kv, int from, int to) {
        double[] mean = new double[c.headDim()];
        for (int t = from; t < to; t++) for (int i = 0; i < mean.length; i++) mean[i] += head(rows[t], c.kvHeads(), kv)[i] / (to - from);
        return mean;
    }

    private static List<Integer> best(double[] scores, int count) {
        List<Integer> order = new ArrayList<>();
        for (int b = 0; b < scores.length; b++) order.add(b);
        order.sort((a, b) -> scores[a] != scores[b] ? Double.compare(scores[b], scores[a]) : Integer.compare(a, b));
        return order.subList(0, Math.min(count, order.size()));
    }

    private double[] attend(double[] q, double[][] k, double[][] v, int kv, int length, IntPredicate visible) {
        return attend(q, k, v, kv, length, visible, u -> 0);
    }

    private double[] attend(double[] q, double[][] k, double[][] v, int kv, int length, IntPredicate visible, java.util.function.IntToDoubleFunction extra) {
        double[] scores = new double[length];
        double[][] values = new double[length][];
        for (int u = 0; u < length; u++) {
            scores[u] = visible.test(u) ? dot(q, head(k[u], c.kvHeads(), kv)) / Math.sqrt(q.length) + extra.applyAsDouble(u) : Double.NEGATIVE_INFINITY;
            values[u] = head(v[u], c.kvHeads(), kv);
        }
        return read(softmax(scores), values);
    }
}
