// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

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
import dev.stoa.kernel.vector.VectorKernels;
import java.util.EnumMap;
import java.util.Map;

/// Products with block-quantized weights, low-rank updates and attention in C, everything else with the Vector API.
final class ForeignKernels implements Kernels {
    private final Workers workers;
    private final NativeParts parts;
    private final Variant variant;
    private final String why;
    private final String reason;
    private final VectorKernels vector;
    private final ForeignMatmul matmul;
    /// Null where `parts` has none: then the Vector API serves.
    private final ForeignLora lora;
    /// The same for attention.
    private final ForeignAttention attention;
    private final Map<FrozenLinear.Precision, ForeignFrozenLinear> frozen = new EnumMap<>(FrozenLinear.Precision.class);
    private ForeignSegmentAttention segmentAttention;

    ForeignKernels(Workers workers, NativeParts parts, String reason) {
        this.workers = workers;
        this.parts = parts;
        this.lora = parts.lora() == null ? null : new ForeignLora(workers, parts.lora());
        this.attention = parts.attention() == null ? null : new ForeignAttention(workers, parts.attention());
        this.variant = parts.products().variant();
        this.why = reason;
        this.vector = new VectorKernels(workers, reason);
        this.reason = reason + " (products of Q4_0, Q8_0, Q4_K and Q6_K weights" + (lora == null ? "" : " and low-rank updates") + " in C for "
                + variant.title() + (attention == null ? "" : ", attention for AMX") + ", the rest " + vector.id() + ")";
        this.matmul = new ForeignMatmul(workers, parts.products(), vector.matmul());
    }

    @Override
    public String id() {
        return vector.id() + "+" + variant.file() + (attention == null ? "" : "+" + NativeAttention.LIBRARY);
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
        return new ForeignKernels(Workers.of(threads), parts, why);
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
    public Attention roundedAttention() {
        return attention == null ? vector.attention() : attention;
    }

    @Override
    public Lora lora() {
        return lora == null ? vector.lora() : lora;
    }

    @Override
    public SegmentAttention segmentAttention() {
        return vector.segmentAttention();
    }

    @Override
    public synchronized SegmentAttention segmentAttention(FrozenLinear.Precision precision) {
        if (precision == FrozenLinear.Precision.F32) return vector.segmentAttention();
        if (parts.bfloat() != null && segmentAttention == null) segmentAttention = new ForeignSegmentAttention(workers, parts.bfloat());
        return segmentAttention;
    }

    @Override
    public synchronized FrozenLinear frozenLinear(FrozenLinear.Precision precision) {
        if (parts.bfloat() == null) return null;
        return frozen.computeIfAbsent(precision, each -> new ForeignFrozenLinear(workers, parts.bfloat(), each));
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
        if (attention != null) attention.close();
        matmul.close();
        if (lora != null) lora.close();
        frozen.values().forEach(ForeignFrozenLinear::close);
        if (segmentAttention != null) segmentAttention.close();
    }
}
