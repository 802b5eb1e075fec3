// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import java.util.Locale;

/// How much of the world is used; the tables of a domain are equal in every size but `TINY`.
public enum WorldSize {
    /// 3 domains, 4 keys each: fixtures of unit tests
    TINY,
    /// 8 domains, reduced mix, vocabulary 1,024
    CI,
    /// the same 8 domains, full mix and vocabulary
    SMALL,
    /// all 35 domains
    FULL;

    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// Whether the pretraining mix holds association and filler texts.
    public boolean fullMix() {
        return this == SMALL || this == FULL;
    }

    /// Size of the vocabulary the base is trained with.
    public int vocabulary() {
        return fullMix() ? 1536 : 1024;
    }
}
