// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// What one layer stores per token: `kvHeads` keys of `keyDim` floats and as many values of `valueDim`. A latent cache
/// (MLA) is one head without values.
public record KvShape(int kvHeads, int keyDim, int valueDim) implements StateShape {
    public KvShape(int kvHeads, int headDim) {
        this(kvHeads, headDim, headDim);
    }

    @Override
    public long bytes(int tokens) {
        return keyBytes(tokens) + valueBytes(tokens);
    }

    long keyBytes(int tokens) {
        return (long) kvHeads * keyDim * tokens * Float.BYTES;
    }

    long valueBytes(int tokens) {
        return (long) kvHeads * valueDim * tokens * Float.BYTES;
    }
}
