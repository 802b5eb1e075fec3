// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// What one layer remembers of one sequence, in memory of the stack it belongs to. Made by a [StateProvider]; written by
/// one thread at a time.
public interface LayerState {
    /// What a state was at `length` tokens, as far as truncation cannot bring it back.
    record Mark(int length, float[] values) {}

    /// Declares that what was stored up to `length` tokens stays.
    void commit(int length);

    /// Whether [#truncate] can go back to `length` tokens.
    boolean canTruncate(int length);

    /// Forgets the tokens from `length` on.
    void truncate(int length);

    Mark checkpoint();

    /// Whether [#restore] can go back to `mark`.
    boolean holds(Mark mark);

    void restore(Mark mark);
}
