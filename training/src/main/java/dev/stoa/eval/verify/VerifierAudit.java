// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.ArrayList;
import java.util.List;

/// Decides whether a verifier may be trusted (factory.md §3): good answers and their equivalents pass, answers that
/// parse but are wrong fail, mutants of good answers are noticed, and a second run says the same.
///
/// @param outcome  `OK`, or the worst thing found
/// @param mutants  how many were shown, and `killed` how many failed
/// @param evidence the first few cases that were judged wrongly
public record VerifierAudit(
        String verifier, Outcome outcome, int good, int bad, int mutants, int killed, List<String> evidence) {
    /// `FALSE_FAIL`: refuses good answers; `FALSE_PASS`: accepts wrong ones; `FLAKY`: two runs differ.
    public enum Outcome { OK, FALSE_FAIL, FALSE_PASS, FLAKY }

    private static final int MIN_CASES = 5;
    private static final double MIN_KILL_RATE = .9;
    private static final int MAX_EVIDENCE = 5;

    /// One pair shown to a verifier.
    record Case(String reference, String candidate, boolean good, boolean mutant) {}

    /// Share of mutants noticed.
    public double killRate() {
        return mutants == 0 ? 0 : (double) killed / mutants;
    }

    /// Audits a verifier of one family on known answers.
    ///
    /// @param answers right answers of the family, at least five, each wrong as an answer to the others
    /// @param verifiers the vocabulary the answers are written in
    public static VerifierAudit of(Verifier verifier, Family family, List<String> answers, Verifiers verifiers) {
        List<String> distinct = answers.stream().distinct().toList();
        if (distinct.size() < MIN_CASES) {
            throw new IllegalArgumentException(distinct.size() + " different answers, at least " + MIN_CASES);
        }
        List<String> values = verifiers.units().keySet().stream().sorted().toList();
        List<Case> cases = new ArrayList<>();
        for (int i = 0; i < distinct.size(); i++) {
            String answer = distinct.get(i);
            for (String same : Equivalents.of(family, answer, verifiers.units())) {
                cases.add(new Case(answer, same, true, false));
            }
            cases.add(new Case(answer, distinct.get((i + 1) % distinct.size()), false, false));
            for (String mutant : Mutants.of(family, answer, values)) cases.add(new Case(answer, mutant, false, true));
        }
        return judge(verifier, cases);
    }

    private static VerifierAudit judge(Verifier verifier, List<Case> cases) {
        List<Boolean> first = run(verifier, cases);
        List<Boolean> second = run(verifier, cases);
        int good = 0;
        int bad = 0;
        int mutants = 0;
        int killed = 0;
        boolean falseFail = false;
        boolean falsePass = false;
        List<String> evidence = new ArrayList<>();
        for (int i = 0; i < cases.size(); i++) {
            Case shown = cases.get(i);
            boolean passed = first.get(i);
            if (shown.good()) good++;
            else if (shown.mutant()) mutants++;
            else bad++;
            if (shown.mutant() && !passed) killed++;
            falseFail |= shown.good() && !passed;
            falsePass |= !shown.good() && !shown.mutant() && passed;
            if (shown.good() != passed && evidence.size() < MAX_EVIDENCE) {
                evidence.add((passed ? "accepts " : "refuses ") + shown.candidate() + " for " + shown.reference());
            }
        }
        falsePass |= mutants > 0 && killed < MIN_KILL_RATE * mutants;
        Outcome outcome = !first.equals(second) ? Outcome.FLAKY
                : falseFail ? Outcome.FALSE_FAIL : falsePass ? Outcome.FALSE_PASS : Outcome.OK;
        return new VerifierAudit(verifier.id(), outcome, good, bad, mutants, killed, List.copyOf(evidence));
    }

    private static List<Boolean> run(Verifier verifier, List<Case> cases) {
        return cases.stream().map(shown -> verifier.verify(shown.reference(), shown.candidate()).pass()).toList();
    }
}
