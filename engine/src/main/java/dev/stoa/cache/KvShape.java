// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// What one layer stores per token: `kvHeads` keys of `keyDim` floats and as many values of `valueDim`. Kinds: `kv`, read
/// as one run of tokens, of which a token sees the last `window` (0: all); `blocks`, read at any place; `latent` (MLA), one
/// head without values.
public record KvShape(String kind, int kvHeads, int keyDim, int valueDim, int window) implements StateShape {
    public KvShape(int kvHeads, int headDim, int window) {
        this("kv", kvHeads, headDim, headDim, window);
    }

    public static KvShape blocks(int kvHeads, int headDim) {
        return new KvShape("blocks", kvHeads, headDim, headDim, 0);
    }

    public static KvShape latent(int width) {
        return new KvShape("latent", 1, width, 0, 0);
    }

    /// Bytes of `tokens` tokens.
    long bytes(int tokens) {
        return keyBytes(tokens) + valueBytes(tokens);
    }

    long keyBytes(int tokens) {
        return (long) kvHeads * keyDim * tokens * Float.BYTES;
    }

    long valueBytes(int tokens) {
        return (long) kvHeads * valueDim * tokens * Float.BYTES;
    }
}
