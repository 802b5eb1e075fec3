// SPDX-License-Identifier: Apache-2.0
package dev.stoa.gate;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AnswerScorerTest {
    @Test
    void exactKnowsOnlySpacesAround() {
        assertThat(AnswerScorer.EXACT.score("luvo", " luvo\n")).isEqualTo(1);
        assertThat(AnswerScorer.EXACT.score("luvo", "Luvo")).isZero();
        assertThat(AnswerScorer.EXACT.score("luvo", "it is luvo")).isZero();
    }

    @Test
    void containmentCountsTheReferencesWords() {
        assertThat(AnswerScorer.CONTAINMENT.score("Luvo Kemi", "it is LUVO KEMI.")).isEqualTo(1);
        assertThat(AnswerScorer.CONTAINMENT.score("luvo kemi tano bire", "kemi or luvo it is")).isEqualTo(.5);
        assertThat(AnswerScorer.CONTAINMENT.score("luvo", "")).isZero();
        assertThat(AnswerScorer.CONTAINMENT.score("  ", "anything")).isZero();
    }
}
