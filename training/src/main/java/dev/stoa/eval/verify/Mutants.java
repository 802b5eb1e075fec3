// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Small changes of a right answer that make it wrong: what a verifier must notice (factory.md §3).
final class Mutants {
    private static final Pattern NUMBER = Pattern.compile("[0-9]+");
    private static final Pattern IDENTIFIER = Pattern.compile("(?<![\\p{L}0-9])[a-m,o-z][0-9](?![0-9])");
    private static final Pattern WORD = Pattern.compile("\\p{L}{2,}");
    private static final Pattern LINEAR = Pattern.compile("(x|\\$1)\\*([0-9]+)\\+([0-9]+)|([0-9]+)\\*x\\+([0-9]+)");
    private static final Pattern ARGUMENTS = Pattern.compile("([0-9]+)(,? )([0-9]+)");
    private static final Pattern ATTRIBUTE = Pattern.compile(
            "\\((?:lib|pin|layer|at) [^()]*\\)| --?\\w+ \\w+| \\w+=\\w+| \\w+=\"\\w+\""
                    + "| WHERE [^;]*|, [0-9]+|, \"\\w+\": \\w+");

    private Mutants() {}

    /// Wrong answers near `answer`; none means the same under the family.
    static List<String> of(Family family, String answer, List<String> values) {
        Set<String> mutants = new LinkedHashSet<>();
        each(NUMBER, answer, mutants, number -> {
            long value = Long.parseLong(number.group());
            return List.of(Long.toString(value + 1), Long.toString(value + 10), "1" + number.group());
        });
        each(IDENTIFIER, answer, mutants, name ->
                List.of((name.group().charAt(0) == 'z' ? "a" : "z") + name.group().charAt(1)));
        for (String value : values) {
            if (!answer.contains(value)) continue;
            int at = values.indexOf(value);
            for (int step : List.of(1, 7, 19)) {
                mutants.add(answer.replace(value, values.get((at + step) % values.size())));
            }
        }
        each(WORD, answer, mutants, word -> values.contains(word.group()) ? List.of()
                : List.of(word.group().replaceAll(".$", word.group().endsWith("q") ? "w" : "q")));
        each(ATTRIBUTE, answer, mutants, attribute -> List.of(""));
        each(LINEAR, answer, mutants, Mutants::operators);
        if (family == Family.CALL || family == Family.SEXPR) {
            each(ARGUMENTS, answer, mutants, pair -> List.of(pair.group(3) + pair.group(2) + pair.group(1)));
        }
        if (family == Family.CHAIN) mutants.add(String.join(" -> ", List.of(answer.split(" -> ")).reversed()));
        if (family == Family.QUERY) mutants.add(answer.replace('>', '<'));
        mutants.add(answer + " " + answer);
        mutants.remove(answer);
        mutants.removeIf(String::isBlank);
        return List.copyOf(mutants);
    }

    private static List<String> operators(MatchResult linear) {
        String text = linear.group();
        List<String> changed = new ArrayList<>(List.of(text.replace('*', '+'), "(" + text + ")*2", "7"));
        String factor = linear.group(2) == null ? linear.group(4) : linear.group(2);
        String constant = linear.group(3) == null ? linear.group(5) : linear.group(3);
        if (!constant.equals("0")) changed.add(text.replace('+', '-'));
        if (!factor.equals(constant)) {
            String variable = linear.group(1) == null ? "x" : linear.group(1);
            changed.add(variable + "*" + constant + "+" + factor);
        }
        return changed;
    }

    private interface Change {
        List<String> of(MatchResult found);
    }

    /// One mutant for each place the pattern is found and each replacement there.
    private static void each(Pattern pattern, String answer, Set<String> mutants, Change change) {
        Matcher matcher = pattern.matcher(answer);
        while (matcher.find()) {
            for (String replacement : change.of(matcher.toMatchResult())) {
                mutants.add(answer.substring(0, matcher.start()) + replacement + answer.substring(matcher.end()));
            }
        }
    }
}
