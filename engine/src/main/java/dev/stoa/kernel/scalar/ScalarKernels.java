// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.scalar;

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

/// Every facet as plain loops. Each output is computed on its own, so rows and threads cannot influence each other.
public final class ScalarKernels implements Kernels {
    private final Workers workers;
    private final String reason;
    private final Matmul matmul;
    private final Norm norm;
    private final Rope rope;
    private final Activation activation;
    private final Attention attention;
    private final Lora lora;
    private final SegmentAttention segmentAttention;
    private final Gradients gradients;
    private final Updates updates;
    private final Ceiling ceiling = new ScalarCeiling();

    public ScalarKernels(Workers workers, String reason) {
        this.workers = workers;
        this.reason = reason;
        matmul = new ScalarMatmul(workers);
        norm = new ScalarNorm(workers);
        rope = new ScalarRope(workers);
        activation = new ScalarActivation(workers);
        attention = new ScalarAttention(workers);
        lora = new ScalarLora();
        segmentAttention = new ScalarSegmentAttention(workers);
        gradients = new ScalarGradients(workers);
        updates = new ScalarUpdates(workers);
    }

    @Override
    public String id() {
        return "scalar";
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
        return new ScalarKernels(Workers.of(threads), reason);
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
        return new ScalarFrozenLinear(precision);
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
    }
}
