// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.store.Digest;

/// A gate's report about one version: what kind (`health`, `gate`, `uplift`, …), the blob that holds the report, its
/// exit code (0 = pass), and its headline number where it has one (for `uplift` the gain as a share), else null.
public record Evidence(String kind, String hash, int status, Double value) {
    /// The kind whose value [Library#list] shows.
    public static final String UPLIFT = "uplift";

    public Evidence {
        Names.requireName("evidence kind", kind);
        if (!Digest.isHash(hash)) throw new IllegalArgumentException("evidence is named by its SHA-256, got " + hash);
        if (value != null && !Double.isFinite(value)) throw new IllegalArgumentException("an unavailable value is null");
    }
}
