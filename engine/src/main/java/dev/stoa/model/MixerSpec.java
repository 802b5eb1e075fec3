// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// How a layer mixes along the sequence. One record per kind.
public sealed interface MixerSpec {
    /// Grouped-query attention with rotary positions; `queryKeyNorm` is an RMS norm per head before RoPE (Qwen3).
    /// `window` 0 means all earlier tokens are visible.
    record Attention(
            int heads,
            int kvHeads,
            int headDim,
            float scale,
            boolean inputBias,
            boolean outputBias,
            NormSpec queryKeyNorm,
            RopeSpec rope,
            int window)
            implements MixerSpec {}
}
