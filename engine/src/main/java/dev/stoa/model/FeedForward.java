// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

/// How a layer transforms each position. One record per kind.
public sealed interface FeedForward {
    /// down(silu(gate(x)) * up(x)).
    record Gated(int intermediate, boolean bias) implements FeedForward {}
}
