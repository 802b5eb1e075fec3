// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Tensor;
import java.util.concurrent.CompletableFuture;

/// Reads the residual stream after one layer at chosen positions of a prompt.
final class ProbeTask implements Task {
    private final int layer;
    private final int[] positions;
    private final int hidden;
    private final float[] values;
    final CompletableFuture<float[]> done = new CompletableFuture<>();

    ProbeTask(int layer, int[] positions, int hidden) {
        this.layer = layer;
        this.positions = positions;
        this.hidden = hidden;
        this.values = new float[Math.multiplyExact(positions.length, hidden)];
    }

    @Override
    public void started(long now, int cachedTokens) {}

    @Override
    public int logits(int position, Tensor logits, int[] rows, long now) {
        throw new IllegalStateException("no logits were asked for");
    }

    @Override
    public int wantedLayer(int position) {
        for (int wanted : positions) if (wanted == position) return layer;
        return -1;
    }

    @Override
    public void residual(int position, float[] row) {
        for (int i = 0; i < positions.length; i++) if (positions[i] == position) System.arraycopy(row, 0, values, i * hidden, hidden);
    }

    @Override
    public void finish(String reason, long now) {
        if (reason == null) done.complete(values);
        else fail(Fault.of(EngineFault.INTERNAL, "reading hidden states ended early").got(reason));
    }

    @Override
    public void fail(Fault fault) {
        done.completeExceptionally(fault.exception());
    }
}
