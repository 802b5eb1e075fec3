// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

/// Who said it. The initial trust is part of ranking and of what may replace what; it is never raised.
public enum Origin {
    USER(1), SYSTEM(1), IMPORT(0.7), ASSISTANT(0.5), TOOL(0.5);

    private final double trust;

    Origin(double trust) {
        this.trust = trust;
    }

    public double trust() {
        return trust;
    }
}
