// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import dev.stoa.kernel.Activation;
import dev.stoa.kernel.Attention;
import dev.stoa.kernel.Ceiling;
import dev.stoa.kernel.Gradients;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.Lora;
import dev.stoa.kernel.Matmul;
import dev.stoa.kernel.Norm;
import dev.stoa.kernel.Rope;
import dev.stoa.kernel.SegmentAttention;
import dev.stoa.kernel.Updates;
import dev.stoa.kernel.Workers;
import dev.stoa.kernel.vector.VectorKernels;

/// Products with block-quantized weights in C, everything else with the Vector API.
final class ForeignKernels implements Kernels {
    private final Workers workers;
    private final NativeKernels kernels;
    private final Variant variant;
    private final String why;
    private final String reason;
    private final VectorKernels vector;
    private final ForeignMatmul matmul;

    ForeignKernels(Workers workers, NativeKernels kernels, String reason) {
        this.workers = workers;
        this.kernels = kernels;
        this.variant = kernels.variant();
        this.why = reason;
        this.vector = new VectorKernels(workers, reason);
        this.reason = reason + " (products of Q4_0, Q8_0, Q4_K and Q6_K weights in C for " + variant.title() + ", the rest "
                + vector.id() + ")";
        this.matmul = new ForeignMatmul(workers, kernels, vector.matmul());
    }

    @Override
    public String id() {
        return vector.id() + "+" + variant.file();
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
    public int roundedRate() {
        return variant.rate();
    }

    @Override
    public Workers workers() {
        return workers;
    }

    @Override
    public Kernels fork(int threads) {
        return new ForeignKernels(Workers.of(threads), kernels, why);
    }

    @Override
    public Matmul matmul() {
        return matmul;
    }

    @Override
    public Norm norm() {
        return vector.norm();
    }

    @Override
    public Rope rope() {
        return vector.rope();
    }

    @Override
    public Activation activation() {
        return vector.activation();
    }

    @Override
    public Attention attention() {
        return vector.attention();
    }

    @Override
    public Lora lora() {
        return vector.lora();
    }

    @Override
    public SegmentAttention segmentAttention() {
        return vector.segmentAttention();
    }

    @Override
    public Gradients gradients() {
        return vector.gradients();
    }

    @Override
    public Updates updates() {
        return vector.updates();
    }

    @Override
    public Ceiling ceiling() {
        return vector.ceiling();
    }

    @Override
    public void close() {
        vector.close();
        matmul.close();
    }
}
