// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import dev.stoa.FaultException;
import dev.stoa.template.Node.Arguments;
import dev.stoa.template.Node.Expression;
import dev.stoa.template.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Expressions by recursive descent, with jinja2's precedence: if-else, or, and, not, comparisons, + -, ~, * / // %, **,
/// unary, then attributes, calls, filters and tests. Depth is bounded, so that hostile input cannot exhaust the stack.
final class ExpressionParser {
    /// Names that are values and cannot be assigned.
    static final Set<String> CONSTANTS = Set.of("true", "false", "none", "True", "False", "None");
    private static final Set<String> NO_TEST_ARGUMENT = Set.of("else", "or", "and");
    private static final Set<String> SPECIAL = Set.of("varargs", "kwargs", "caller");
    private static final int MAX_DEPTH = 60;
    private static final int MAX_CHAIN = 1000;

    private final Source source;
    private final TokenStream stream;
    private final List<FaultException> unknown = new ArrayList<>();
    private final Set<String> special = new java.util.HashSet<>();
    private boolean lenient;
    private int depth;
    private int chain;

    ExpressionParser(Source source, TokenStream stream) {
        this.source = source;
        this.stream = stream;
    }

    /// Inside the branches of an `if`, as in an if-else expression, an unknown filter or test is an error only when it is
    /// reached: templates ask for features that way.
    void lenient(boolean value) {
        lenient = value;
    }

    boolean lenient() {
        return lenient;
    }

    /// Of `varargs`, `kwargs` and `caller`, those that were read since the last call, which starts anew.
    Set<String> takeSpecial() {
        Set<String> seen = Set.copyOf(special);
        special.clear();
        return seen;
    }

    void addSpecial(Set<String> seen) {
        special.addAll(seen);
    }

    private void unknown(Token name, String kind) {
        if (!lenient) unknown.add(source.fault(name.at(), "unknown %s '%s'", kind, name.text()));
    }

    Expression expression() {
        return enter(true);
    }

    /// An expression, or a tuple without parentheses; `conditional` allows if-else at the top.
    Expression tuple(boolean conditional) {
        Token first = stream.peek();
        Expression one = enter(conditional);
        if (!stream.peek().is(Kind.OPERATOR, ",")) return one;
        List<Expression> items = new ArrayList<>(List.of(one));
        while (stream.skipOperator(",") && !endsTuple()) items.add(enter(conditional));
        return new Node.ListLiteral(first.at(), items, true);
    }

    private boolean endsTuple() {
        Token token = stream.peek();
        return token.is(Kind.OPERATOR, ":") || token.is(Kind.NAME, "recursive") || token.kind() == Kind.BLOCK_END || token.kind() == Kind.OUTPUT_END || token.is(Kind.OPERATOR, ")");
    }

    private Expression enter(boolean conditional) {
        if (depth == 0) chain = 0;
        if (++depth > MAX_DEPTH) throw source.fault(stream.peek().at(), "the expression is nested too deeply");
        Expression result = conditional ? conditional() : or();
        depth--;
        if (depth == 0 && !unknown.isEmpty()) throw unknown.getFirst();
        return result;
    }

    /// Counts a link of a chain: those make the tree as deep as parentheses do.
    private void link() {
        if (++chain > MAX_CHAIN) throw source.fault(stream.peek().at(), "the expression is too long");
    }

    private Expression conditional() {
        int known = unknown.size();
        Expression value = or();
        while (stream.peek().is(Kind.NAME, "if")) {
            link();
            int at = stream.next().at();
            Expression test = or();
            value = new Node.Conditional(at, test, value, stream.skipName("else") ? enter(true) : null);
            unknown.subList(known, unknown.size()).clear();
        }
        return value;
    }

    private Expression or() {
        Expression left = and();
        while (stream.peek().is(Kind.NAME, "or")) left = binary(left, this::and);
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (stream.peek().is(Kind.NAME, "and")) left = binary(left, this::not);
        return left;
    }

    private Expression not() {
        if (!stream.peek().is(Kind.NAME, "not")) return comparison();
        link();
        return new Node.Unary(stream.next().at(), "not", not());
    }

    private Expression comparison() {
        Expression first = sum();
        List<Expression> operands = new ArrayList<>(List.of(first));
        List<String> operators = new ArrayList<>();
        int at = stream.peek().at();
        while (true) {
            Token token = stream.peek();
            if (token.kind() == Kind.OPERATOR && Set.of("==", "!=", "<", "<=", ">", ">=").contains(token.text())) {
                operators.add(stream.next().text());
            } else if (stream.skipName("in")) {
                operators.add("in");
            } else if (token.is(Kind.NAME, "not") && stream.peek(1).is(Kind.NAME, "in")) {
                stream.next();
                stream.next();
                operators.add("not in");
            } else break;
            operands.add(sum());
        }
        return operators.isEmpty() ? first : new Node.Comparison(at, operands, operators);
    }

    private Expression sum() {
        Expression left = concatenation();
        while (stream.peek().is(Kind.OPERATOR, "+") || stream.peek().is(Kind.OPERATOR, "-")) left = binary(left, this::concatenation);
        return left;
    }

    private Expression concatenation() {
        Expression left = product();
        while (stream.peek().is(Kind.OPERATOR, "~")) left = binary(left, this::product);
        return left;
    }

    private Expression product() {
        Expression left = power();
        while (stream.peek().kind() == Kind.OPERATOR && Set.of("*", "/", "//", "%").contains(stream.peek().text())) {
            left = binary(left, this::power);
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        while (stream.peek().is(Kind.OPERATOR, "**")) left = binary(left, () -> unary(true));
        return left;
    }

    private Expression binary(Expression left, java.util.function.Supplier<Expression> right) {
        link();
        Token operator = stream.next();
        return new Node.Binary(operator.at(), operator.text(), left, right.get());
    }

    private Expression unary(boolean withFilter) {
        Token token = stream.peek();
        Expression value;
        if (token.is(Kind.OPERATOR, "-") || token.is(Kind.OPERATOR, "+")) {
            link();
            stream.next();
            value = new Node.Unary(token.at(), token.text(), unary(false));
        } else {
            value = primary();
        }
        value = postfix(value);
        return withFilter ? filters(value) : value;
    }

    private Expression primary() {
        Token token = stream.next();
        switch (token.kind()) {
            case NAME -> {
                return switch (token.text()) {
                    case "true", "True" -> new Node.Literal(token.at(), true);
                    case "false", "False" -> new Node.Literal(token.at(), false);
                    case "none", "None" -> new Node.Literal(token.at(), null);
                    default -> {
                        if (SPECIAL.contains(token.text())) special.add(token.text());
                        yield new Node.Name(token.at(), token.text());
                    }
                };
            }
            case STRING -> {
                StringBuilder text = new StringBuilder(token.text());
                while (stream.peek().kind() == Kind.STRING) text.append(stream.next().text());
                return new Node.Literal(token.at(), text.toString());
            }
            case INTEGER, FLOAT -> {
                return new Node.Literal(token.at(), number(token));
            }
            case OPERATOR -> {
                switch (token.text()) {
                    case "(" -> {
                        if (stream.skipOperator(")")) return new Node.ListLiteral(token.at(), List.of(), true);
                        Expression inner = tuple(true);
                        stream.expectOperator(")");
                        return inner;
                    }
                    case "[" -> {
                        return new Node.ListLiteral(token.at(), items("]"), false);
                    }
                    case "{" -> {
                        return dict(token);
                    }
                    default -> throw source.fault(token.at(), "unexpected '%s'", token.text());
                }
            }
            default -> throw source.fault(token.at(), "an expression is missing");
        }
    }

    private Object number(Token token) {
        String digits = token.text();
        if (token.kind() == Kind.FLOAT) return Double.parseDouble(digits);
        if (digits.length() > 4300) throw source.fault(token.at(), "the number is too long");
        int radix = digits.length() < 2 ? 10 : switch (digits.charAt(1)) {
            case 'x', 'X' -> 16;
            case 'o', 'O' -> 8;
            case 'b', 'B' -> 2;
            default -> 10;
        };
        return Values.whole(new java.math.BigInteger(radix == 10 ? digits : digits.substring(2), radix));
    }

    private List<Expression> items(String end) {
        List<Expression> items = new ArrayList<>();
        while (!stream.skipOperator(end)) {
            if (!items.isEmpty()) {
                stream.expectOperator(",");
                if (stream.skipOperator(end)) break;
            }
            items.add(expression());
        }
        return items;
    }

    private Expression dict(Token open) {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!stream.skipOperator("}")) {
            if (!keys.isEmpty()) {
                stream.expectOperator(",");
                if (stream.skipOperator("}")) break;
            }
            keys.add(expression());
            stream.expectOperator(":");
            values.add(expression());
        }
        return new Node.DictLiteral(open.at(), keys, values);
    }

    private Expression postfix(Expression start) {
        Expression value = start;
        while (true) {
            Token token = stream.peek();
            if (token.is(Kind.OPERATOR, ".")) {
                link();
                stream.next();
                Token name = stream.next();
                value = switch (name.kind()) {
                    case NAME -> new Node.Attribute(name.at(), value, name.text());
                    case INTEGER -> new Node.Item(name.at(), value, new Node.Literal(name.at(), number(name)));
                    default -> throw source.fault(name.at(), "a name is missing after '.'");
                };
            } else if (token.is(Kind.OPERATOR, "[")) {
                link();
                stream.next();
                value = subscript(token, value);
            } else if (token.is(Kind.OPERATOR, "(")) {
                link();
                value = new Node.Call(token.at(), value, arguments());
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Token open, Expression target) {
        List<Expression> parts = new ArrayList<>();
        Node.Slice slice = null;
        while (!stream.skipOperator("]")) {
            if (!parts.isEmpty() || slice != null) stream.expectOperator(",");
            if (slice != null) throw source.fault(open.at(), "a slice has one part only");
            Expression begin = stream.peek().is(Kind.OPERATOR, ":") ? null : expression();
            if (stream.skipOperator(":")) {
                if (!parts.isEmpty()) throw source.fault(open.at(), "a slice has one part only");
                Expression end = sliceEnds() ? null : expression();
                Expression step = stream.skipOperator(":") && !sliceEnds() ? expression() : null;
                slice = new Node.Slice(open.at(), target, begin, end, step);
            } else {
                parts.add(begin);
            }
        }
        if (slice != null) return slice;
        return new Node.Item(open.at(), target, parts.size() == 1 ? parts.getFirst() : new Node.ListLiteral(open.at(), parts, true));
    }

    private boolean sliceEnds() {
        return stream.peek().is(Kind.OPERATOR, ":") || stream.peek().is(Kind.OPERATOR, "]");
    }

    private Arguments arguments() {
        stream.expectOperator("(");
        List<Expression> positional = new ArrayList<>();
        List<String> names = new ArrayList<>();
        List<Expression> named = new ArrayList<>();
        Expression rest = null;
        Expression namedRest = null;
        boolean first = true;
        while (!stream.skipOperator(")")) {
            if (!first) {
                stream.expectOperator(",");
                if (stream.skipOperator(")")) break;
            }
            first = false;
            Token token = stream.peek();
            boolean ended = namedRest != null;
            if (stream.skipOperator("*")) {
                ended |= rest != null;
                rest = expression();
            } else if (stream.skipOperator("**")) {
                namedRest = expression();
            } else if (token.kind() == Kind.NAME && stream.peek(1).is(Kind.OPERATOR, "=")) {
                if (names.contains(token.text())) throw source.fault(token.at(), "the argument '%s' is given twice", token.text());
                names.add(stream.next().text());
                stream.next();
                named.add(expression());
            } else {
                ended |= rest != null || !names.isEmpty();
                positional.add(expression());
            }
            if (ended) throw source.fault(token.at(), "an argument stands in the wrong place");
        }
        return new Arguments(positional, names, named, rest, namedRest);
    }

    private Expression filters(Expression start) {
        Expression value = start;
        while (true) {
            Token token = stream.peek();
            if (token.is(Kind.OPERATOR, "|")) value = filter(value);
            else if (token.is(Kind.NAME, "is")) value = test(value);
            else if (token.is(Kind.OPERATOR, "(")) {
                link();
                value = new Node.Call(token.at(), value, arguments());
            } else return value;
        }
    }

    /// `| name(arguments)`, applied to `input`.
    Node.Filter filter(Expression input) {
        stream.expectOperator("|");
        return named(input);
    }

    /// Filters without the first bar, as in `{% filter upper|trim %}`; the input of the first is null.
    List<Node.Filter> filterChain() {
        List<Node.Filter> filters = new ArrayList<>(List.of(named(null)));
        while (stream.peek().is(Kind.OPERATOR, "|")) filters.add(filter(null));
        return filters;
    }

    private Node.Filter named(Expression input) {
        link();
        Token name = dotted();
        if (!Filters.NAMES.contains(name.text())) unknown(name, "filter");
        Arguments arguments = stream.peek().is(Kind.OPERATOR, "(") ? arguments() : Arguments.NONE;
        return new Node.Filter(name.at(), input, name.text(), arguments);
    }

    private Token dotted() {
        Token name = stream.expect(Kind.NAME);
        while (stream.skipOperator(".")) name = new Token(Kind.NAME, name.text() + "." + stream.expect(Kind.NAME).text(), name.at());
        return name;
    }

    private Expression test(Expression input) {
        link();
        stream.expectName("is");
        boolean negated = stream.skipName("not");
        Token name = dotted();
        if (!Tests.NAMES.contains(name.text())) unknown(name, "test");
        Token token = stream.peek();
        boolean value = token.kind() == Kind.STRING || token.kind() == Kind.INTEGER || token.kind() == Kind.FLOAT
                || token.kind() == Kind.NAME && !NO_TEST_ARGUMENT.contains(token.text())
                || token.is(Kind.OPERATOR, "[") || token.is(Kind.OPERATOR, "{");
        if (token.is(Kind.NAME, "is")) throw source.fault(token.at(), "tests cannot be chained");
        Arguments arguments = token.is(Kind.OPERATOR, "(") ? arguments()
                : value ? new Arguments(List.of(postfix(primary())), List.of(), List.of(), null, null) : Arguments.NONE;
        return new Node.Test(name.at(), input, name.text(), arguments, negated);
    }
}
