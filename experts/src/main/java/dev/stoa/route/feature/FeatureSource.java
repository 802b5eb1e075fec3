// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.feature;

import java.util.List;

/// Text to vectors. Deterministic: the same text gives bitwise the same vectors in every process.
/// Implementations are thread-safe.
public interface FeatureSource {
    /// Short name: `hashed` or `prefill`.
    String id();

    /// Identity of everything that shapes the vectors; part of a router file's compatibility key.
    String hash();

    int dim();

    /// One or more unit vectors (dim), one per window of the text; empty when there is nothing to look at.
    List<float[]> embed(RouteText text);
}
