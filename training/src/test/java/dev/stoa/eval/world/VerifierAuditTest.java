// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.eval.verify.Family;
import dev.stoa.eval.verify.Verdict;
import dev.stoa.eval.verify.Verifier;
import dev.stoa.eval.verify.VerifierAudit;
import dev.stoa.eval.verify.VerifierAudit.Outcome;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiPredicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VerifierAuditTest {
    private static final World WORLD = World.tiny(42);

    @ParameterizedTest
    @EnumSource(Family.class)
    void everyFamilyAcceptsAThousandAnswers(Family family) {
        Verifier verifier = WORLD.verifiers().of(family);
        for (String answer : Answers.of(family, WORLD.words(), 42, 1_000)) {
            assertThat(verifier.verify(answer, answer).pass()).as(answer).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    void everyFamilyAcceptsEquivalentsAndNoMutant(Family family) {
        requireSound(family, 100);
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    @Tag("slow")
    void everyFamilyAcceptsEquivalentsAndNoMutantOfAThousandAnswers(Family family) {
        requireSound(family, 1_000);
    }

    private static void requireSound(Family family, int count) {
        List<String> answers = Answers.of(family, WORLD.words(), 42, count);
        VerifierAudit audit = VerifierAudit.of(WORLD.verifiers().of(family), family, answers, WORLD.verifiers());
        assertThat(audit.outcome()).as("%s", audit.evidence()).isEqualTo(Outcome.OK);
        assertThat(audit.good()).isGreaterThanOrEqualTo(2 * answers.size());
        assertThat(audit.mutants()).isGreaterThanOrEqualTo(3 * answers.size());
        assertThat(audit.killRate()).as("%s", audit.evidence()).isGreaterThanOrEqualTo(.999);
    }

    @Test
    void aWorldAuditsAllElevenFamilies() {
        List<VerifierAudit> audits = WORLD.audits(12);
        assertThat(audits).hasSize(11).allMatch(audit -> audit.outcome() == Outcome.OK && audit.killRate() >= .9);
        assertThat(audits).allMatch(audit -> audit.good() >= 5 && audit.bad() >= 5);
    }

    @Test
    void bogusVerifiersGetTheirOutcome() {
        assertThat(audit((reference, candidate) -> true).outcome()).isEqualTo(Outcome.FALSE_PASS);
        assertThat(audit((reference, candidate) -> false).outcome()).isEqualTo(Outcome.FALSE_FAIL);
        assertThat(audit(String::equals).outcome()).as("refuses equivalents").isEqualTo(Outcome.FALSE_FAIL);
        assertThat(audit((reference, candidate) -> candidate.contains("luvo") || candidate.length() > 8).outcome())
                .isIn(Outcome.FALSE_PASS, Outcome.FALSE_FAIL);
        AtomicInteger turn = new AtomicInteger();
        assertThat(audit((reference, candidate) -> turn.incrementAndGet() % 3 == 0).outcome()).isEqualTo(Outcome.FLAKY);
        Verifier real = WORLD.verifiers().of(Family.NETLIST);
        assertThat(audit((reference, candidate) -> real.verify(reference, candidate).pass()
                || reference.split(" ")[0].equals(candidate.split(" ")[0])).outcome())
                .as("looks at the part's name only").isEqualTo(Outcome.FALSE_PASS);
        assertThat(audit((reference, candidate) ->
                turn.incrementAndGet() % 97 == 0 || real.verify(reference, candidate).pass())
                .outcome()).as("right most of the time").isEqualTo(Outcome.FLAKY);
    }

    @Test
    void anAuditNeedsFiveAnswers() {
        assertThatThrownBy(() -> WORLD.audits(3)).isInstanceOf(IllegalArgumentException.class);
    }

    private static VerifierAudit audit(BiPredicate<String, String> judgement) {
        Verifier verifier = new Verifier() {
            @Override
            public String id() {
                return "bogus";
            }

            @Override
            public Verdict verify(String reference, String candidate) {
                boolean pass = judgement.test(reference, candidate);
                return new Verdict(pass, Verdict.Stage.COMPARE, "");
            }
        };
        return VerifierAudit
                .of(verifier, Family.NETLIST, Answers.of(Family.NETLIST, WORLD.words(), 42, 20), WORLD.verifiers());
    }
}
