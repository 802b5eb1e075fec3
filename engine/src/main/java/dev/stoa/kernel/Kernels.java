// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel;

/// One provider of every kernel family, bound to a pool of workers. Thread-safe for concurrent callers that
/// write disjoint outputs; a call returns when its result is complete.
///
/// Contract of every provider that answers true to [#rowInvariant]: a row's result does not depend on how
/// many other rows share the call, nor on the number of threads (decoding rule "row invariance").
public interface Kernels extends AutoCloseable {
    /// Provider and width, for example `vector-512`; part of every identity that promises equal bits.
    String id();

    /// Why this provider was chosen, in one sentence for the start banner and `doctor`.
    String reason();

    boolean rowInvariant();

    /// Operations of products with rounded rows ([Matmul#packRounded]) that the instructions in use allow in the time of one
    /// fp32 operation of [Ceiling#multiplyAdds]; 1 where such products are no faster.
    default int roundedRate() {
        return 1;
    }

    Workers workers();

    /// Kernels of the same provider on `threads` workers of their own, for independent work beside these: the same bits,
    /// and weights packed by either serve both. The caller closes them.
    Kernels fork(int threads);

    Matmul matmul();

    Norm norm();

    Rope rope();

    Activation activation();

    Attention attention();

    /// As [#attention], with operands of at least 16 bits of mantissa where that is faster: for models whose products round
    /// more than that.
    default Attention roundedAttention() {
        return attention();
    }

    Lora lora();

    SegmentAttention segmentAttention();

    /// Frozen layers in training, or null where this provider has nothing better than [#matmul] for that precision.
    FrozenLinear frozenLinear(FrozenLinear.Precision precision);

    /// Attention in training with factors of products rounded like that, or null where this provider has none.
    SegmentAttention segmentAttention(FrozenLinear.Precision precision);

    Gradients gradients();

    Updates updates();

    Ceiling ceiling();

    @Override
    void close();
}
