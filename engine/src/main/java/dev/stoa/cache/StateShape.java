// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// What one layer keeps of a sequence.
public sealed interface StateShape permits KvShape, RecurrentShape, SharedShape {
    /// The key of the [StateRegistry], with a cache mode.
    String kind();
}
