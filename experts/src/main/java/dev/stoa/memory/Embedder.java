// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

/// Text to a unit vector, always the same one. Thread-safe.
public interface Embedder {
    String id();

    /// Identity of everything that shapes the vectors; a store refuses to mix two.
    String hash();

    int dim();

    /// The unit vector, or null when the text holds nothing to embed.
    float[] embed(String text);
}
