// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Other ways to write a right answer: what a verifier must accept.
final class Equivalents {
    private static final Pattern FORWARD = Pattern.compile("(x|\\$1)\\*([0-9]+)\\+([0-9]+)");
    private static final Pattern BACKWARD = Pattern.compile("([0-9]+)\\*x\\+([0-9]+)");
    private static final Pattern ABOVE = Pattern.compile("> ([0-9]+)");
    private static final Pattern LISTS = Pattern.compile("(\\([^()]*\\)) (\\([^()]*\\))");
    private static final Pattern ATTRIBUTES = Pattern.compile("( \\w+=\"\\w*\")( \\w+=\"\\w*\")");
    private static final Pattern PAIR =
            Pattern.compile("(\"\\w+\": [\"\\w]+), (\"\\w+\": [\"\\w]+), (\"\\w+\": [\"\\w]+)");
    private static final Pattern QUANTITY = Pattern.compile("(.*= )([0-9]+) ([a-z]+)");
    private static final Pattern FLAG = Pattern.compile(" (--?\\w+ \\w+|\\w+=\\w+)");

    private Equivalents() {}

    /// Texts that mean the same as `answer`, which is one of them.
    static List<String> of(Family family, String answer, Map<String, Verifiers.Unit> units) {
        List<String> same = new ArrayList<>(List.of(answer, " " + answer + " "));
        switch (family) {
            case WORD -> {}
            case PROGRAM -> {
                same.add(FORWARD.matcher(answer).replaceAll("$3+$2*$1"));
                same.add(FORWARD.matcher(answer).replaceAll("($1*$2)+$3"));
                same.add(BACKWARD.matcher(answer).replaceAll("$2+(x*$1)"));
            }
            case CALL -> {
                same.add(answer.replace(", ", ","));
                same.add(flagsFirst(answer));
            }
            case SEXPR -> same.add(LISTS.matcher(answer).replaceAll("$2 $1"));
            case MAP -> {
                if (answer.startsWith("{")) {
                    same.add(answer.replace(": ", ":").replace(", ", ","));
                    same.add(PAIR.matcher(answer).replaceAll("$3, $1, $2"));
                } else if (answer.indexOf('=') >= 0) {
                    same.add(pairsReversed(answer));
                } else {
                    same.add(answer.replace(": ", ":"));
                }
            }
            case MARKUP -> {
                same.add(answer.replace('"', '\''));
                same.add(ATTRIBUTES.matcher(answer).replaceAll("$2$1"));
            }
            case QUERY -> {
                same.add(ABOVE.matcher(answer).replaceAll(above -> ">= " + (Long.parseLong(above.group(1)) + 1)));
                same.add(answer.replace("SELECT", "select").replace("FROM", "from").replace("WHERE", "where"));
            }
            case NETLIST -> {
                String[] tokens = answer.split(" ");
                same.add(String.join(" ", tokens[0], tokens[2], tokens[1], tokens[3]));
            }
            case UNIT -> same.addAll(converted(answer, units));
            case CHAIN -> same.add(answer.replace(" -> ", "->"));
            case SENTENCE -> {
                same.add(answer + ".");
                same.add(answer.substring(0, 1).toUpperCase(Locale.ROOT) + answer.substring(1).replace(" :", ":"));
            }
        }
        return same.stream().distinct().toList();
    }

    private static String flagsFirst(String answer) {
        if (answer.indexOf('(') >= 0) return answer;
        StringBuilder flags = new StringBuilder();
        Matcher flag = FLAG.matcher(answer);
        while (flag.find()) flags.insert(0, flag.group());
        String rest = FLAG.matcher(answer).replaceAll("");
        int space = rest.indexOf(' ');
        return space < 0 ? rest + flags : rest.substring(0, space) + flags + rest.substring(space);
    }

    private static String pairsReversed(String answer) {
        String section = answer.startsWith("[") ? answer.substring(0, answer.indexOf(' ') + 1) : "";
        return section + String.join(" ", Arrays.asList(answer.substring(section.length()).split(" ")).reversed());
    }

    /// The same amount in every other unit of the dimension.
    private static List<String> converted(String answer, Map<String, Verifiers.Unit> units) {
        Matcher quantity = QUANTITY.matcher(answer);
        if (!quantity.matches()) throw new IllegalArgumentException("no quantity: " + answer);
        Verifiers.Unit from = units.get(quantity.group(3));
        List<String> same = new ArrayList<>();
        units.forEach((word, unit) -> {
            int shift = from.exponent() - unit.exponent();
            if (unit.dimension() != from.dimension() || Math.abs(shift) > 6) return;
            String amount = new BigDecimal(quantity.group(2)).scaleByPowerOfTen(shift).toPlainString();
            same.add(quantity.group(1) + amount + " " + word);
        });
        same.sort(null);
        return same;
    }
}
