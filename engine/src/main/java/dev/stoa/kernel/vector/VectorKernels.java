// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.vector;

import dev.stoa.kernel.Activation;
import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Ceiling;
import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.Gradients;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Lora;
import dev.stoa.kernel.Matmul;
import dev.stoa.kernel.Norm;
import dev.stoa.kernel.Rope;
import dev.stoa.kernel.SegmentAttention;
import dev.stoa.kernel.Updates;
import dev.stoa.kernel.Workers;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;

/// Every facet with the Vector API, sharing one scratch space per worker.
public final class VectorKernels implements Kernels {
    private final Workers workers;
    private final String reason;
    private final Scope scratch = new Ledger().scope("kernels");
    private final Matmul matmul;
    private final Norm norm;
    private final Rope rope;
    private final Activation activation;
    private final Attention attention;
    private final Lora lora;
    private final SegmentAttention segmentAttention;
    private final Gradients gradients;
    private final Updates updates;
    private final Ceiling ceiling = new VectorCeiling();

    public VectorKernels(Workers workers, String reason) {
        this.workers = workers;
        this.reason = reason;
        Space[] spaces = new Space[workers.threads()];
        for (int i = 0; i < spaces.length; i++) spaces[i] = new Space(scratch);
        matmul = new VectorMatmul(workers, scratch, spaces);
        norm = new VectorNorm(workers, spaces);
        rope = new VectorRope(workers);
        activation = new VectorActivation(workers, spaces);
        attention = new VectorAttention(workers, spaces);
        lora = new VectorLora(workers, spaces);
        segmentAttention = new VectorSegmentAttention(workers);
        gradients = new VectorGradients(workers);
        updates = new VectorUpdates(workers);
    }

    @Override
    public String id() {
        return "vector-" + Lanes.F.vectorBitSize();
    }

    @Override
    public String reason() {
        return reason;
    }

    @Override
    public boolean rowInvariant() {
        return true;
    }

    @Override
    public Workers workers() {
        return workers;
    }

    @Override
    public Kernels fork(int threads) {
        return new VectorKernels(Workers.of(threads), reason);
    }

    @Override
    public Matmul matmul() {
        return matmul;
    }

    @Override
    public Norm norm() {
        return norm;
    }

    @Override
    public Rope rope() {
        return rope;
    }

    @Override
    public Activation activation() {
        return activation;
    }

    @Override
    public Attention attention() {
        return attention;
    }

    @Override
    public Lora lora() {
        return lora;
    }

    @Override
    public SegmentAttention segmentAttention() {
        return segmentAttention;
    }

    @Override
    public SegmentAttention segmentAttention(FrozenLinear.Precision precision) {
        return precision == FrozenLinear.Precision.F32 ? segmentAttention : null;
    }

    @Override
    public FrozenLinear frozenLinear(FrozenLinear.Precision precision) {
        return null;
    }

    @Override
    public Gradients gradients() {
        return gradients;
    }

    @Override
    public Updates updates() {
        return updates;
    }

    @Override
    public Ceiling ceiling() {
        return ceiling;
    }

    @Override
    public void close() {
        workers.close();
        scratch.close();
    }
}
