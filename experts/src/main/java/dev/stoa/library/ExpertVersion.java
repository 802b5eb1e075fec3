// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import java.util.List;

/// One version as the library knows it now: the immutable manifest, its blob hash, the state, and all evidence so far.
public record ExpertVersion(Manifest manifest, String manifestHash, State state, List<Evidence> evidence) {
    public String name() {
        return manifest.name();
    }

    public String version() {
        return manifest.version();
    }
}
