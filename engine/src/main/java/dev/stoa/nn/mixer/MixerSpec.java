// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.nn.NormSpec;
import dev.stoa.nn.RopeSpec;

/// How a layer mixes along the sequence. One record for attention, which families describe in detail; every other
/// kind is named and found in the [MixerRegistry].
public sealed interface MixerSpec {
    /// Grouped-query attention. `queryKeyNorm` is an RMS norm of queries and keys before RoPE, or null; `rope` null
    /// means no rotation; `window` 0 means all earlier tokens are visible.
    record Attention(
            int heads,
            int kvHeads,
            int headDim,
            float scale,
            boolean inputBias,
            boolean outputBias,
            NormSpec queryKeyNorm,
            RopeSpec rope,
            int window,
            AttentionOptions options)
            implements MixerSpec {
        public Attention(int heads, int kvHeads, int headDim, float scale, boolean inputBias, boolean outputBias,
                NormSpec queryKeyNorm, RopeSpec rope, int window) {
            this(heads, kvHeads, headDim, scale, inputBias, outputBias, queryKeyNorm, rope, window, AttentionOptions.PLAIN);
        }
    }

    /// A mixer of the registry.
    record Named(String kind, MixerConfig config) implements MixerSpec {}
}
