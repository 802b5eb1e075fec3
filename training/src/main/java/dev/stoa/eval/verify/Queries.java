// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

import dev.stoa.eval.SplitMix64;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `SELECT luvo FROM r4 WHERE n > 3;`, run on a generated table of 20 rows; result sets are compared.
///
/// The table has a numeric column `n`, with rows at and around every constant of the reference, and one column a value
/// word; so two queries agree on it only when they agree.
final class Queries implements Verifier {
    private static final int ROWS = 20;
    private static final Pattern SELECT = Pattern.compile(
            "select (\\w+(?: ?, ?\\w+)*) from (\\w+)(?: where (.+?))? ?;?", Pattern.CASE_INSENSITIVE);
    private static final Pattern CONDITION = Pattern.compile("(\\w+) ?(>=|<=|<>|!=|>|<|=) ?(-?[0-9]{1,9})");

    private record Condition(String column, String operator, long constant) {
        boolean holds(long value) {
            return switch (operator) {
                case ">" -> value > constant;
                case ">=" -> value >= constant;
                case "<" -> value < constant;
                case "<=" -> value <= constant;
                case "=" -> value == constant;
                default -> value != constant;
            };
        }
    }

    private record Select(List<String> columns, String table, List<Condition> where) {}

    private final Set<String> columns;

    Queries(Set<String> columns) {
        this.columns = Set.copyOf(columns);
    }

    @Override
    public String id() {
        return Family.QUERY.id();
    }

    @Override
    public Verdict verify(String reference, String candidate) {
        Select expected;
        try {
            expected = parse(reference);
        } catch (BadSyntax cause) {
            throw new IllegalArgumentException("the reference does not parse: " + reference, cause);
        }
        Select got;
        try {
            got = parse(Text.bounded(candidate));
        } catch (BadSyntax problem) {
            return Verdict.fail(Verdict.Stage.PARSE, problem.getMessage());
        }
        if (!got.table().equals(expected.table())) {
            return Verdict.fail(Verdict.Stage.RUN, "no such table: %s", got.table());
        }
        for (String column : got.columns()) {
            if (!known(column)) return Verdict.fail(Verdict.Stage.RUN, "no such column: %s", column);
        }
        for (Condition condition : got.where()) {
            if (!known(condition.column())) {
                return Verdict.fail(Verdict.Stage.RUN, "no such column: %s", condition.column());
            }
        }
        List<Long> numbers = numbers(reference, expected);
        return run(got, numbers).equals(run(expected, numbers)) ? Verdict.PASS
                : Verdict.fail(Verdict.Stage.COMPARE, "selects other rows or columns");
    }

    private boolean known(String column) {
        return column.equals("n") || columns.contains(column);
    }

    private static Select parse(String text) throws BadSyntax {
        Matcher matcher = Text.match(SELECT, text, "SELECT columns FROM table WHERE condition");
        List<Condition> where = new ArrayList<>();
        if (matcher.group(3) != null) {
            for (String part : matcher.group(3).split("(?i) and ")) {
                Matcher condition = Text.match(CONDITION, part, "a condition: " + part);
                where.add(new Condition(condition.group(1), condition.group(2), Long.parseLong(condition.group(3))));
            }
        }
        List<String> columns = List.of(matcher.group(1).toLowerCase(Locale.ROOT).split(" ?, ?"));
        return new Select(columns, matcher.group(2), where);
    }

    private static List<Long> numbers(String reference, Select select) {
        SplitMix64 random = SplitMix64.of(0, reference);
        List<Long> numbers = new ArrayList<>();
        for (Condition condition : select.where()) {
            for (int step = -1; step <= 1; step++) numbers.add(condition.constant() + step);
        }
        while (numbers.size() < ROWS) numbers.add(1L + random.below(99));
        return numbers;
    }

    /// The rows selected, sorted: a query without ORDER BY promises none.
    private static List<String> run(Select select, List<Long> numbers) {
        List<String> rows = new ArrayList<>();
        for (int row = 0; row < numbers.size(); row++) {
            int at = row;
            boolean holds = select.where().stream()
                    .allMatch(condition -> condition.holds(cell(condition.column(), at, numbers)));
            if (!holds) continue;
            rows.add(select.columns().stream().map(column -> cell(column, at, numbers)).toList().toString());
        }
        rows.sort(null);
        return rows;
    }

    private static long cell(String column, int row, List<Long> numbers) {
        return column.equals("n") ? numbers.get(row) : SplitMix64.hash(column + "#" + row) >>> 24;
    }
}
