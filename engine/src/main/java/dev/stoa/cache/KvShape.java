// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// What one layer stores per token: a key and a value of `kvHeads` heads of `headDim` floats.
public record KvShape(int kvHeads, int headDim) {
    /// Bytes of keys and values of `tokens` tokens.
    public long bytes(int tokens) {
        return 2L * kvHeads * headDim * tokens * Float.BYTES;
    }
}
