// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.verify;

/// Integer arithmetic in one variable: `+ - * / %`, parentheses, unary minus. No loops, no names, no input or output, a
/// bounded number of nodes, overflow is an error: safe to run on any text. Division truncates.
final class MiniLang {
    private static final int MAX_NODES = 128;

    /// A parsed expression.
    sealed interface Expr {
        record Constant(long value) implements Expr {}

        record Variable() implements Expr {}

        record Negate(Expr of) implements Expr {}

        record Binary(char operator, Expr left, Expr right) implements Expr {}
    }

    private final String text;
    private final String variable;
    private int at;
    private int nodes;

    private MiniLang(String text, String variable) {
        this.text = text;
        this.variable = variable;
    }

    static Expr parse(String text, String variable) throws BadSyntax {
        MiniLang reader = new MiniLang(text.replace(" ", ""), variable);
        Expr expr = reader.sum();
        if (reader.at < reader.text.length()) throw new BadSyntax("unexpected text in expression: %s", text);
        return expr;
    }

    /// The value at a point; throws ArithmeticException on overflow or division by zero.
    static long evaluate(Expr expr, long x) {
        return switch (expr) {
            case Expr.Constant constant -> constant.value();
            case Expr.Variable _ -> x;
            case Expr.Negate negate -> Math.negateExact(evaluate(negate.of(), x));
            case Expr.Binary binary ->
                    apply(binary.operator(), evaluate(binary.left(), x), evaluate(binary.right(), x));
        };
    }

    private static long apply(char operator, long left, long right) {
        return switch (operator) {
            case '+' -> Math.addExact(left, right);
            case '-' -> Math.subtractExact(left, right);
            case '*' -> Math.multiplyExact(left, right);
            case '/' -> left / right;
            case '%' -> left % right;
            default -> throw new IllegalStateException("operator " + operator);
        };
    }

    private Expr sum() throws BadSyntax {
        Expr left = product();
        while (peek('+') || peek('-')) left = new Expr.Binary(text.charAt(at++), left, product());
        return left;
    }

    private Expr product() throws BadSyntax {
        Expr left = atom();
        while (peek('*') || peek('/') || peek('%')) left = new Expr.Binary(text.charAt(at++), left, atom());
        return left;
    }

    private Expr atom() throws BadSyntax {
        if (++nodes > MAX_NODES) throw new BadSyntax("more than %d terms", MAX_NODES);
        if (peek('-')) {
            at++;
            return new Expr.Negate(atom());
        }
        if (peek('(')) {
            at++;
            Expr inside = sum();
            if (!peek(')')) throw new BadSyntax("parenthesis not closed");
            at++;
            return inside;
        }
        if (text.startsWith(variable, at)) {
            at += variable.length();
            return new Expr.Variable();
        }
        int start = at;
        while (at < text.length() && at - start < 12 && Character.isDigit(text.charAt(at))) at++;
        if (start == at) throw new BadSyntax("expected a number or %s at %d", variable, at);
        return new Expr.Constant(Long.parseLong(text.substring(start, at)));
    }

    private boolean peek(char c) {
        return at < text.length() && text.charAt(at) == c;
    }
}
