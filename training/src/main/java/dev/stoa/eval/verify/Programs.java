// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import dev.stoa.eval.SplitMix64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A function in the surface syntax of six languages or plain math, run on eight hidden points.
final class Programs implements Verifier {
    private static final int POINTS = 8;

    /// How a language writes a function of one integer.
    private enum Surface {
        PYTHON("def (?<name>\\w+)\\((?<variable>[a-z]\\w*)\\) ?: ?return (?<body>.+)"),
        TYPESCRIPT("const (?<name>\\w+) ?= ?\\((?<variable>[a-z]\\w*) ?: ?number\\) ?=> ?(?<body>[^;]+);"),
        CPP("int (?<name>\\w+)\\(int (?<variable>[a-z]\\w*)\\) ?\\{ ?return (?<body>[^;]+); ?\\}"),
        RUST("fn (?<name>\\w+)\\((?<variable>[a-z]\\w*) ?: ?i64\\) ?-> ?i64 ?\\{(?<body>[^;}]+)\\}"),
        LUA("function (?<name>\\w+)\\((?<variable>[a-z]\\w*)\\) return (?<body>.+) end"),
        SHELL("(?<name>\\w+)\\(\\) ?\\{ echo (?<variable>\\$)\\(\\((?<body>.+)\\)\\); \\}"),
        MATH("(?<name>\\w+)\\((?<variable>[a-z]\\w*)\\) ?= ?(?<body>.+)");

        final Pattern pattern;

        Surface(String pattern) {
            this.pattern = Pattern.compile(pattern);
        }
    }

    private record Function(Surface surface, String name, MiniLang.Expr body) {}

    @Override
    public String id() {
        return Family.PROGRAM.id();
    }

    @Override
    public Verdict verify(String reference, String candidate) {
        Function expected;
        try {
            expected = parse(reference);
        } catch (BadSyntax cause) {
            throw new IllegalArgumentException("the reference does not parse: " + reference, cause);
        }
        Function got;
        try {
            got = parse(Text.bounded(candidate));
        } catch (BadSyntax problem) {
            return Verdict.fail(Verdict.Stage.PARSE, problem.getMessage());
        }
        if (got.surface() != expected.surface()) return Verdict.fail(Verdict.Stage.COMPARE, "another language");
        if (!got.name().equals(expected.name())) {
            return Verdict.fail(Verdict.Stage.COMPARE, "the function is named %s", got.name());
        }
        SplitMix64 random = SplitMix64.of(0, reference);
        for (int i = 0; i < POINTS; i++) {
            long x = random.below(200) - 60;
            try {
                if (MiniLang.evaluate(got.body(), x) != MiniLang.evaluate(expected.body(), x)) {
                    return Verdict.fail(Verdict.Stage.COMPARE, "wrong on a hidden point");
                }
            } catch (ArithmeticException problem) {
                return Verdict.fail(Verdict.Stage.RUN, "fails on a hidden point: %s", problem.getMessage());
            }
        }
        return Verdict.PASS;
    }

    private static Function parse(String text) throws BadSyntax {
        for (Surface surface : Surface.values()) {
            Matcher matcher = surface.pattern.matcher(text);
            if (!matcher.matches()) continue;
            String variable = surface == Surface.SHELL ? "$1" : matcher.group("variable");
            return new Function(surface, matcher.group("name"), MiniLang.parse(matcher.group("body"), variable));
        }
        throw new BadSyntax("not a function");
    }
}
