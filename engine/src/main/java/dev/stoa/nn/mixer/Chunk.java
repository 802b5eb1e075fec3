// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.EngineFault;
import dev.stoa.Fault;

/// One head's tokens of one chunk, and the recurrence over all of them at once: with `recurrence: chunked` the state is read
/// and written once per chunk instead of once per token, as training wants it. Rounds differently from the token by token
/// form (within 1e-4), and depends on where a sequence is cut; inference therefore runs token by token.
///
/// Shapes: q, k (C, Dk), v, o (C, Dv), state s (Dk, Dv) row-major; decays are logarithms, never positive.
final class Chunk {
    static final int LENGTH = 64;
    private static final int BLOCK = 16;
    final double[][] q;
    final double[][] k;
    final double[][] v;
    final double[][] o;
    /// Decay of each token's step, one for the head.
    final double[] decay = new double[LENGTH];
    /// Decay of each token's step, one per key channel.
    final double[][] decays;
    /// How much of a token is written (delta rule).
    final double[] rate = new double[LENGTH];
    /// What each token reads from the state before it, and where it writes that (C, Dk); null but for [#lowRank].
    final double[][] a;
    final double[][] b;
    /// The same tokens seen by M slots, in this chunk's v and o: k is what a slot takes, q becomes how much it is read; null
    /// but for [#slots].
    final Chunk slots;

    Chunk(int keyDim, int valueDim) {
        this(keyDim, new double[LENGTH][valueDim], new double[LENGTH][valueDim], false, null);
    }

    private Chunk(int keyDim, double[][] v, double[][] o, boolean lowRank, Chunk slots) {
        q = new double[LENGTH][keyDim];
        k = new double[LENGTH][keyDim];
        this.v = v;
        this.o = o;
        decays = new double[LENGTH][keyDim];
        a = lowRank ? new double[LENGTH][keyDim] : null;
        b = lowRank ? new double[LENGTH][keyDim] : null;
        this.slots = slots;
    }

    /// A chunk for [#lowRank].
    static Chunk ofLowRank(int keyDim, int valueDim) {
        return new Chunk(keyDim, new double[LENGTH][valueDim], new double[LENGTH][valueDim], true, null);
    }

    /// A chunk for [#slots] over `count` slots.
    static Chunk ofSlots(int keyDim, int valueDim, int count) {
        Chunk slots = new Chunk(count, valueDim);
        return new Chunk(keyDim, slots.v, slots.o, false, slots);
    }

    /// Whether a config asks for chunks.
    static boolean wanted(MixerConfig config) {
        Object value = config.values().getOrDefault("recurrence", "stepwise");
        boolean chunked = value.equals("chunked");
        Fault.require(chunked || value.equals("stepwise"), EngineFault.CONFIG_INVALID, "recurrence = %s, expected stepwise or chunked", value);
        return chunked;
    }

    /// The (gated) delta rule in its WY form (Yang et al., 2406.06484, 2412.06464): S = e^g S, r = k S, S += k rate (v - r),
    /// o = q S. With `gamma` the running sum of g and A_ij = rate_i (k_i . k_j) e^(gamma_i - gamma_j), j < i:
    /// (I + A) U = rate v, (I + A) W = rate e^gamma k, V' = U - W S.
    void delta(float[] s, int count) {
        int keys = q[0].length;
        int values = v[0].length;
        double[] gamma = sums(count);
        double[][] w = new double[count][keys];
        for (int i = 0; i < count; i++) {
            double now = Math.exp(gamma[i]);
            for (int c = 0; c < keys; c++) w[i][c] = rate[i] * now * k[i][c];
            for (int c = 0; c < values; c++) v[i][c] *= rate[i];
            for (int j = 0; j < i; j++) {
                double a = rate[i] * dot(k[i], k[j]) * Math.exp(gamma[i] - gamma[j]);
                for (int c = 0; c < keys; c++) w[i][c] -= a * w[j][c];
                for (int c = 0; c < values; c++) v[i][c] -= a * v[j][c];
            }
        }
        for (int i = 0; i < count; i++) for (int r = 0; r < keys; r++) for (int c = 0; c < values; c++) v[i][c] -= w[i][r] * s[r * values + c];
        scalar(s, gamma, count);
    }

    /// Linear attention with one decay per token (retention, Mamba-2): S = e^g S + k v, o = q S.
    void scalar(float[] s, int count) {
        scalar(s, sums(count), count);
    }

    private void scalar(float[] s, double[] gamma, int count) {
        int keys = q[0].length;
        int values = v[0].length;
        for (int i = 0; i < count; i++) {
            java.util.Arrays.fill(o[i], 0);
            double now = Math.exp(gamma[i]);
            for (int r = 0; r < keys; r++) for (int c = 0; c < values; c++) o[i][c] += now * q[i][r] * s[r * values + c];
            for (int j = 0; j <= i; j++) {
                double score = dot(q[i], k[j]) * Math.exp(gamma[i] - gamma[j]);
                for (int c = 0; c < values; c++) o[i][c] += score * v[j][c];
            }
        }
        for (int r = 0; r < keys; r++) {
            for (int c = 0; c < values; c++) {
                double sum = Math.exp(gamma[count - 1]) * s[r * values + c];
                for (int j = 0; j < count; j++) sum += Math.exp(gamma[count - 1] - gamma[j]) * k[j][r] * v[j][c];
                s[r * values + c] = (float) sum;
            }
        }
    }

    /// Gated linear attention (Yang et al., 2312.06635): S = diag(e^g) S + k v, o = q S, in log space: a factor between two
    /// tokens is split at the border of the later one's block, so that no exponent is ever positive.
    void gated(float[] s, int count) {
        accumulate(count);
        summed(s, count);
    }

    /// Makes each token's decays those since the start of the chunk.
    private void accumulate(int count) {
        for (int i = 1; i < count; i++) for (int r = 0; r < decays[i].length; r++) decays[i][r] += decays[i - 1][r];
    }

    private void summed(float[] s, int count) {
        int keys = q[0].length;
        int values = v[0].length;
        double[] late = new double[keys];
        for (int i = 0; i < count; i++) {
            java.util.Arrays.fill(o[i], 0);
            for (int r = 0; r < keys; r++) {
                double now = q[i][r] * Math.exp(decays[i][r]);
                for (int c = 0; c < values; c++) o[i][c] += now * s[r * values + c];
            }
        }
        for (int border = 0; border < count; border += BLOCK) {
            int end = Math.min(count, border + BLOCK);
            double[][] early = new double[border][keys];
            for (int j = 0; j < border; j++) {
                for (int r = 0; r < keys; r++) early[j][r] = k[j][r] * Math.exp(decays[border][r] - decays[j][r]);
            }
            for (int i = border; i < end; i++) {
                for (int r = 0; r < keys; r++) late[r] = q[i][r] * Math.exp(decays[i][r] - decays[border][r]);
                for (int j = 0; j <= i; j++) {
                    double score = 0;
                    if (j < border) score = dot(late, early[j]);
                    else for (int r = 0; r < keys; r++) score += q[i][r] * k[j][r] * Math.exp(decays[i][r] - decays[j][r]);
                    for (int c = 0; c < values; c++) o[i][c] += score * v[j][c];
                }
            }
        }
        write(s, decays, new double[][][] {k}, new double[][][] {v}, count);
    }

    /// S = diag(e^g) S + sum of diag(e^(g - g_j)) k_j v_j over a chunk with summed decays g_j and g the last of them, for each
    /// of one or more pairs of k and v.
    private static void write(float[] s, double[][] decays, double[][][] k, double[][][] v, int count) {
        int values = v[0][0].length;
        double[] row = new double[values];
        for (int r = 0; r < decays[0].length; r++) {
            double all = decays[count - 1][r];
            for (int c = 0; c < values; c++) row[c] = Math.exp(all) * s[r * values + c];
            for (int j = 0; j < count; j++) {
                double left = Math.exp(all - decays[j][r]);
                for (int pair = 0; pair < k.length; pair++) {
                    double factor = left * k[pair][j][r];
                    for (int c = 0; c < values; c++) row[c] += factor * v[pair][j][c];
                }
            }
            for (int c = 0; c < values; c++) s[r * values + c] = (float) row[c];
        }
    }

    /// Gated slot attention (Zhang et al., 2409.07146) as two gated linear attentions with the slots as keys: the first one
    /// writes k (state M, Dk) and is read by q against its values, which gives each slot's score; softmax of the scores is
    /// the query of the second one, which writes v (state M, Dv).
    void slots(float[] keyState, float[] valueState, int count) {
        double[][] takes = slots.k;
        double[][] g = slots.decays;
        int width = k[0].length;
        int slotCount = takes[0].length;
        slots.accumulate(count);
        double[] row = new double[slotCount];
        for (int border = 0; border < count; border += BLOCK) {
            int end = Math.min(count, border + BLOCK);
            double[][] early = new double[border][slotCount];
            for (int j = 0; j < border; j++) for (int m = 0; m < slotCount; m++) early[j][m] = takes[j][m] * Math.exp(g[border][m] - g[j][m]);
            for (int i = border; i < end; i++) {
                double[] scores = slots.q[i];
                java.util.Arrays.fill(row, 0);
                for (int j = 0; j < border; j++) {
                    double match = dot(q[i], k[j]);
                    for (int m = 0; m < slotCount; m++) row[m] += match * early[j][m];
                }
                for (int m = 0; m < slotCount; m++) {
                    double old = 0;
                    for (int c = 0; c < width; c++) old += q[i][c] * keyState[m * width + c];
                    scores[m] = Math.exp(g[i][m]) * old + Math.exp(g[i][m] - g[border][m]) * row[m];
                }
                for (int j = border; j <= i; j++) {
                    double match = dot(q[i], k[j]);
                    for (int m = 0; m < slotCount; m++) scores[m] += match * takes[j][m] * Math.exp(g[i][m] - g[j][m]);
                }
                softmax(scores);
            }
        }
        write(keyState, g, new double[][][] {takes}, new double[][][] {k}, count);
        slots.summed(valueState, count);
    }

    /// A decay per channel plus a low rank (RWKV-7, Peng et al., 2503.14456) in its WY form: S = diag(e^g) S + b (a S) + k v,
    /// o = q S. With u_i = a_i S before token i and `gamma` the running sum of g, unrolled to the state at the chunk's start:
    /// u_i = (a_i e^gamma_(i-1)) S + sum over j < i of (a_i e^(gamma_(i-1) - gamma_j) . b_j) u_j + (the same . k_j) v_j,
    /// a triangular system solved from the first token on; o reads the same sum with q_i, gamma_i and j <= i.
    void lowRank(float[] s, int count) {
        int keys = q[0].length;
        int values = v[0].length;
        accumulate(count);
        double[][] u = new double[count][values];
        double[] none = new double[keys];
        for (int border = 0; border < count; border += BLOCK) {
            double[] before = border == 0 ? none : decays[border - 1];
            double[][] earlyB = new double[border][keys];
            double[][] earlyK = new double[border][keys];
            for (int j = 0; j < border; j++) {
                for (int r = 0; r < keys; r++) {
                    double factor = Math.exp(before[r] - decays[j][r]);
                    earlyB[j][r] = b[j][r] * factor;
                    earlyK[j][r] = k[j][r] * factor;
                }
            }
            for (int i = border; i < Math.min(count, border + BLOCK); i++) {
                double[][] later = {i == 0 ? none : decays[i - 1], decays[i]};
                double[][] readers = {a[i], q[i]};
                double[][] results = {u[i], o[i]};
                for (int part = 0; part < 2; part++) {
                    double[] gamma = later[part];
                    double[] out = results[part];
                    java.util.Arrays.fill(out, 0);
                    double[] late = new double[keys];
                    for (int r = 0; r < keys; r++) {
                        double now = readers[part][r] * Math.exp(gamma[r]);
                        for (int c = 0; c < values; c++) out[c] += now * s[r * values + c];
                        late[r] = readers[part][r] * Math.exp(gamma[r] - before[r]);
                    }
                    for (int j = 0; j < i + part; j++) {
                        double ofB = 0;
                        double ofK = 0;
                        if (j < border) {
                            ofB = dot(late, earlyB[j]);
                            ofK = dot(late, earlyK[j]);
                        } else {
                            for (int r = 0; r < keys; r++) {
                                double factor = readers[part][r] * Math.exp(gamma[r] - decays[j][r]);
                                ofB += factor * b[j][r];
                                ofK += factor * k[j][r];
                            }
                        }
                        for (int c = 0; c < values; c++) out[c] += ofB * u[j][c] + ofK * v[j][c];
                    }
                }
            }
        }
        write(s, decays, new double[][][] {k, b}, new double[][][] {v, u}, count);
    }

    private static void softmax(double[] scores) {
        double max = Double.NEGATIVE_INFINITY;
        for (double score : scores) max = Math.max(max, score);
        double total = 0;
        for (int m = 0; m < scores.length; m++) total += scores[m] = Math.exp(scores[m] - max);
        for (int m = 0; m < scores.length; m++) scores[m] /= total;
    }

    private double[] sums(int count) {
        double[] gamma = new double[count];
        for (int i = 0; i < count; i++) gamma[i] = decay[i] + (i == 0 ? 0 : gamma[i - 1]);
        return gamma;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
    }
}
