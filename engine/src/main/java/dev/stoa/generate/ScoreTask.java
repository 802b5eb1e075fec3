// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Tensor;
import java.util.concurrent.CompletableFuture;

/// Teacher-forced log-probabilities of a continuation: of its tokens, or of the whole vocabulary at each of them.
final class ScoreTask implements Task {
    private final int[] continuation;
    private final int firstLogit;
    private final Distribution distribution;
    private final double[] scores;
    private final float[] table;
    final CompletableFuture<ScoreTask> done = new CompletableFuture<>();
    private int counted;

    ScoreTask(int[] continuation, int firstLogit, boolean wholeTable, int vocab, Distribution distribution) {
        this.continuation = continuation;
        this.firstLogit = firstLogit;
        this.distribution = distribution;
        this.scores = wholeTable ? null : new double[continuation.length];
        this.table = wholeTable ? new float[Math.multiplyExact(continuation.length, vocab)] : null;
    }

    double[] scores() {
        return scores;
    }

    float[] table() {
        return table;
    }

    @Override
    public void started(long now, int cachedTokens) {}

    @Override
    public int logits(int position, Tensor logits, int[] rows, long now) {
        int at = position - firstLogit;
        double[] z = distribution.read(logits, rows[0]);
        double shift = Distribution.logSumExp(z);
        if (scores != null) {
            scores[at] = z[continuation[at]] - shift;
        } else {
            for (int i = 0; i < z.length; i++) table[at * z.length + i] = (float) (z[i] - shift);
        }
        counted++;
        return DONE;
    }

    @Override
    public int wantedLayer(int position) {
        return -1;
    }

    @Override
    public void residual(int position, float[] values) {
        throw new IllegalStateException("no residual was asked for");
    }

    @Override
    public void finish(String reason, long now) {
        if (reason == null && counted == continuation.length) done.complete(this);
        else fail(Fault.of(EngineFault.INTERNAL, "scoring ended early").got(reason).exception().fault());
    }

    @Override
    public void fail(Fault fault) {
        done.completeExceptionally(fault.exception());
    }
}
