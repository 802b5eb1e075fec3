// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// What one layer keeps of a sequence.
public sealed interface StateShape permits KvShape, RecurrentShape, SharedShape {
    /// Bytes for a sequence of at most `tokens` tokens.
    long bytes(int tokens);
}
