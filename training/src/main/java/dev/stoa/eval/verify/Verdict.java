// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

/// What a verifier found.
///
/// @param stage     how far the answer came; `COMPARE` for an answer that passed
/// @param diagnosis one sentence about the answer; it never shows the reference
public record Verdict(boolean pass, Stage stage, String diagnosis) {
    /// How far an answer came: it does not parse, does not run, or was compared.
    public enum Stage { PARSE, RUN, COMPARE }

    public static final Verdict PASS = new Verdict(true, Stage.COMPARE, "as expected");

    /// An answer with the wrong number of lines.
    public static Verdict wrongLines(int got, int expected) {
        return fail(Stage.PARSE, "%d lines, expected %d", got, expected);
    }

    static Verdict fail(Stage stage, String diagnosis, Object... args) {
        return new Verdict(false, stage, args.length == 0 ? diagnosis : diagnosis.formatted(args));
    }
}
