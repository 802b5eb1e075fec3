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

    Chunk(int keyDim, int valueDim) {
        q = new double[LENGTH][keyDim];
        k = new double[LENGTH][keyDim];
        v = new double[LENGTH][valueDim];
        o = new double[LENGTH][valueDim];
        decays = new double[LENGTH][keyDim];
    }

    /// Whether a config asks for chunks; `possible` says whether its kind has such a form.
    static boolean wanted(MixerConfig config, boolean possible) {
        Object value = config.values().getOrDefault("recurrence", "stepwise");
        boolean chunked = value.equals("chunked");
        Fault.require(chunked && possible || value.equals("stepwise"), EngineFault.CONFIG_INVALID, "recurrence = %s, expected %s", value,
                possible ? "stepwise or chunked" : "stepwise: this kind has no chunked form");
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
        int keys = q[0].length;
        int values = v[0].length;
        for (int i = 1; i < count; i++) for (int r = 0; r < keys; r++) decays[i][r] += decays[i - 1][r];
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
        for (int r = 0; r < keys; r++) {
            double all = decays[count - 1][r];
            for (int c = 0; c < values; c++) {
                double sum = Math.exp(all) * s[r * values + c];
                for (int j = 0; j < count; j++) sum += Math.exp(all - decays[j][r]) * k[j][r] * v[j][c];
                s[r * values + c] = (float) sum;
            }
        }
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
