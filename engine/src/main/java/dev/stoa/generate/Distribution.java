// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.generate.Event.TokenLogprob;
import dev.stoa.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Arithmetic on one row of logits in double precision: reading, log-softmax, combining experts.
/// Holds scratch space, so one instance serves one thread.
final class Distribution {
    /// Below this divergence (nat) no expert of a `select` group has anything to say.
    static final double SELECT_FLOOR = 0.01;
    private final float[] row;
    private final double[] values;
    private final double[] member;
    private final double[] base;

    Distribution(int vocab) {
        row = new float[vocab];
        values = new double[vocab];
        member = new double[vocab];
        base = new double[vocab];
    }

    /// Row `index` of logits (L, vocab); valid until the next call. Anything not finite is a fault.
    double[] read(Tensor logits, int index) {
        read(logits, index, values);
        return values;
    }

    private void read(Tensor logits, int index, double[] into) {
        MemorySegment.copy(logits.data(), Tensor.FLOAT, (long) index * row.length * Float.BYTES, row, 0, row.length);
        for (int i = 0; i < row.length; i++) {
            if (!Float.isFinite(row[i])) {
                throw Fault.of(EngineFault.NON_FINITE_LOGITS, "the model computed a logit that is not a finite number")
                        .where("token id " + i).got(row[i]).next("check the weights of the model and of the adapters used")
                        .exception();
            }
            into[i] = row[i];
        }
    }

    /// The combined logits of a row group: `rows` are the base and one row per expert, in the order of `weights`. LOGITS:
    /// z = z0 + sum w (zi - z0); over logits or log-probabilities is the same up to a constant, which no sampler sees, and
    /// spares an exponential per token of the vocabulary and row. SELECT: the expert with the largest KL(pi || p0).
    double[] combine(Compose compose, Tensor logits, int[] rows, double[] weights) {
        read(logits, rows[0], base);
        System.arraycopy(base, 0, values, 0, base.length);
        switch (compose) {
            case LOGITS -> {
                for (int i = 1; i < rows.length; i++) {
                    read(logits, rows[i], member);
                    for (int v = 0; v < values.length; v++) values[v] += weights[i - 1] * (member[v] - base[v]);
                }
            }
            case SELECT -> {
                logSoftmax(base);
                double best = SELECT_FLOOR;
                for (int i = 1; i < rows.length; i++) {
                    read(logits, rows[i], member);
                    logSoftmax(member);
                    double divergence = divergence(member, base);
                    if (divergence <= best) continue;
                    best = divergence;
                    System.arraycopy(member, 0, values, 0, member.length);
                }
            }
            case SUM -> throw new IllegalStateException("a sum has one row");
        }
        return values;
    }

    /// KL(p || q) in nat, from log-probabilities.
    static double divergence(double[] p, double[] q) {
        double sum = 0;
        for (int i = 0; i < p.length; i++) sum += Math.exp(p[i]) * (p[i] - q[i]);
        return sum;
    }

    /// In place: z - logsumexp(z).
    static void logSoftmax(double[] z) {
        double shift = logSumExp(z);
        for (int i = 0; i < z.length; i++) z[i] -= shift;
    }

    static double logSumExp(double[] z) {
        double max = z[Sampler.argmax(z)];
        double sum = 0;
        for (double value : z) sum += Math.exp(value - max);
        return max + Math.log(sum);
    }

    /// Log-probability of `id` and the `count` best ids, ties by id.
    static TokenLogprob logprob(double[] z, int id, int count) {
        double shift = logSumExp(z);
        int[] best = new int[Math.min(count, z.length)];
        int size = 0;
        for (int i = 0; i < z.length && best.length > 0; i++) {
            if (size == best.length && z[i] <= z[best[size - 1]]) continue;
            int at = size < best.length ? size++ : size - 1;
            while (at > 0 && z[best[at - 1]] < z[i]) best[at] = best[--at];
            best[at] = i;
        }
        List<TokenLogprob.Alternative> top = new ArrayList<>(size);
        for (int i = 0; i < size; i++) top.add(new TokenLogprob.Alternative(best[i], z[best[i]] - shift));
        return new TokenLogprob(z[id] - shift, top);
    }
}
