// SPDX-License-Identifier: Apache-2.0
package dev.stoa.grad;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.kernel.FrozenLinear;
import dev.stoa.kernel.FrozenLinear.Precision;
import dev.stoa.kernel.Kernels;
import dev.stoa.kernel.SegmentAttention;

/// What computes the products of a step: `frozen` layers by fused products, or by those of [Kernels#matmul] when it is null,
/// and attention.
public record Compute(Precision precision, FrozenLinear frozen, SegmentAttention attention) {
    /// F32 products of packed weights.
    public static Compute plain(Kernels kernels) {
        return new Compute(Precision.F32, null, kernels.segmentAttention());
    }

    /// Whatever of it shows in bits and is not in [Kernels#id]; empty for plain products.
    public String identity() {
        return frozen == null ? "" : " " + frozen.id();
    }

    /// Fused products that read weights where they lie. F32 ones are plain where the kernels have no better; bfloat16 ones
    /// are refused there.
    public static Compute of(Kernels kernels, Precision precision) {
        FrozenLinear frozen = kernels.frozenLinear(precision);
        SegmentAttention attention = kernels.segmentAttention(precision);
        if (frozen == null && precision == Precision.F32) return plain(kernels);
        if (frozen == null || attention == null) {
            throw Fault.of(EngineFault.KERNELS_UNAVAILABLE, "bfloat16 products cannot run here").got(kernels.reason())
                    .expected("a CPU with AMX or AVX-512 BF16, and C kernels in this build").next("compute in f32").exception();
        }
        return new Compute(precision, frozen, attention);
    }
}
