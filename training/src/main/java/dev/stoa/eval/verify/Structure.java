// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

/// Verifies by parsing both texts into values whose `equals` is the family's notion of sameness.
record Structure(Family family, Parser parser) implements Verifier {
    /// Reads a text into its meaning.
    interface Parser {
        Object parse(String text) throws BadSyntax;
    }

    @Override
    public String id() {
        return family.id();
    }

    @Override
    public Verdict verify(String reference, String candidate) {
        Object expected;
        try {
            expected = parser.parse(reference);
        } catch (BadSyntax cause) {
            throw new IllegalArgumentException("the reference does not parse: " + reference, cause);
        }
        try {
            Object got = parser.parse(Text.bounded(candidate));
            return got.equals(expected) ? Verdict.PASS
                    : Verdict.fail(Verdict.Stage.COMPARE, "means something else: %s", got);
        } catch (BadSyntax problem) {
            return Verdict.fail(Verdict.Stage.PARSE, problem.getMessage());
        }
    }
}
