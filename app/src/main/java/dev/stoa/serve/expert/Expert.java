// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.expert;

import java.time.Instant;

/// What a name stands for right now. `version` is empty for an expert given as a directory; `source` is `library`,
/// or the directory. `baseHash` is null when the adapter does not say what it was trained on.
public record Expert(
        String name, String version, String hash, String baseHash, int modules, int rank, long bytes, String source,
        Instant loadedAt, long hits) {}
