// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.Locale;

/// Which use a phrasing belongs to; keys occur in every split, phrasings and slots do not.
public enum Split {
    TRAIN,
    VALID,
    TEST,
    /// probes of the gates
    PROBE,
    /// the sixth request variant, never trained on
    PARAPHRASE;

    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// Shares 7 : 1 : 1 : 1 by a hash of what must not repeat across splits.
    static Split of(long hash) {
        return switch ((int) Long.remainderUnsigned(hash, 10)) {
            case 7 -> VALID;
            case 8 -> TEST;
            case 9 -> PROBE;
            default -> TRAIN;
        };
    }
}
