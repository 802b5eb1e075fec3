// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.eval.verify.Family;
import dev.stoa.eval.verify.Verdict;
import dev.stoa.eval.verify.Verifier;
import dev.stoa.eval.verify.VerifierAudit;
import dev.stoa.eval.world.World;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Audits what every other number rests on: the verifiers of all answer families (claim D14).
final class AuditPhase implements Phase<AuditPhase.Result> {
    private static final int ANSWERS = 200;
    private static final double MIN_KILL_RATE = .9;

    record Row(String family, String outcome, int good, int bad, int mutants, int killed, List<String> evidence) {
        static Row of(Family family, VerifierAudit audit) {
            return new Row(family.id(), audit.outcome().name(), audit.good(), audit.bad(), audit.mutants(), audit.killed(), audit.evidence());
        }

        boolean ok() {
            return outcome.equals(VerifierAudit.Outcome.OK.name()) && killed >= MIN_KILL_RATE * mutants;
        }
    }

    /// `accepting` are the audits of a verifier that accepts everything, one for each family: all must be refused.
    record Result(List<Row> families, List<Row> accepting) {}

    @Override
    public String name() {
        return "1-audit";
    }

    @Override
    public String title() {
        return "verifiers";
    }

    @Override
    public int budgetSeconds() {
        return 10;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    @Override
    public Result run(Workbench bench) {
        World world = bench.world;
        Verifier acceptsAll = new AcceptsAll();
        return new Result(
                Arrays.stream(Family.values()).map(family -> Row.of(family, world.audit(world.verifiers().of(family), family, ANSWERS))).toList(),
                Arrays.stream(Family.values()).map(family -> Row.of(family, world.audit(acceptsAll, family, ANSWERS))).toList());
    }

    /// The control: whoever passes it checks nothing.
    private record AcceptsAll() implements Verifier {
        @Override
        public String id() {
            return "accepts-all";
        }

        @Override
        public Verdict verify(String reference, String candidate) {
            return Verdict.PASS;
        }
    }

    /// Claim D14.
    static Claim claim(Result result) {
        List<String> bad = result.families().stream().filter(row -> !row.ok())
                .map(row -> row.family() + " " + row.outcome() + " " + row.evidence()).toList();
        List<String> fooled = result.accepting().stream().filter(Row::ok).map(row -> "accepts-all passes as " + row.family()).toList();
        int mutants = result.families().stream().mapToInt(Row::mutants).sum(), killed = result.families().stream().mapToInt(Row::killed).sum();
        String detail = !bad.isEmpty() || !fooled.isEmpty() ? bad + " " + fooled : String.format(Locale.ROOT,
                "%d families, %d of %d mutants killed; a verifier that accepts everything is refused in each", result.families().size(), killed, mutants);
        return Claim.required("D14", "verifiers are audited", bad.isEmpty() && fooled.isEmpty(), (double) killed / mutants, null, mutants, MIN_KILL_RATE,
                detail);
    }
}
