// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

import java.lang.foreign.MemorySegment;

/// A state that keeps every token on its own, so that a run of tokens can be copied out and into another sequence's state.
interface TokenBlocks extends LayerState {
    /// Bytes of a block with room for `room` tokens.
    long blockBytes(int room);

    /// Copies tokens [from, to) to the places from `at` on of a block.
    void save(int from, int to, int at, int room, MemorySegment block);

    /// Takes tokens [from, to) from the places from `at` on of a block; they count once they are committed.
    void load(int from, int to, int at, int room, MemorySegment block);
}
