// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// How near an answer is to its reference, in [0, 1], where no audited verifier knows better.
public enum AnswerScorer {
    /// 1 for the same text, spaces around it aside.
    EXACT,
    /// 1 when the answer contains the reference, whatever the case; else the share of the reference's words it contains.
    CONTAINMENT;

    public double score(String reference, String answer) {
        return switch (this) {
            case EXACT -> reference.strip().equals(answer.strip()) ? 1 : 0;
            case CONTAINMENT -> containment(reference.strip().toLowerCase(Locale.ROOT), answer.toLowerCase(Locale.ROOT));
        };
    }

    private static double containment(String reference, String answer) {
        if (reference.isEmpty()) return 0;
        if (answer.contains(reference)) return 1;
        List<String> wanted = List.of(reference.split("\\s+"));
        Set<String> said = new HashSet<>(List.of(answer.strip().split("\\s+")));
        return (double) wanted.stream().filter(said::contains).count() / wanted.size();
    }
}
