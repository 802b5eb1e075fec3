// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import java.lang.foreign.MemorySegment;

/// A state that keeps every token on its own, so that a run of tokens can be copied out and into another sequence's state.
interface TokenBlocks extends LayerState {
    /// Bytes of `tokens` tokens in a copy.
    long blockBytes(int tokens);

    /// Copies tokens [from, to) to the beginning of `target`.
    void save(int from, int to, MemorySegment target);

    /// Takes tokens [from, to) from a copy; they count once they are committed.
    void load(int from, int to, MemorySegment source);
}
