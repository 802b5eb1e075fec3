// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import dev.stoa.template.Node.Expression;
import dev.stoa.template.Node.Statement;
import dev.stoa.template.Node.Target;
import dev.stoa.template.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Statements of a template; expressions are read by [ExpressionParser].
final class Parser {
    private static final int MAX_NESTING = 100;
    private final Source source;
    private final TokenStream stream;
    private final ExpressionParser expressions;
    private final Set<String> blocks = new java.util.HashSet<>();
    private int nesting;
    private int loops;

    private Parser(Source source) {
        this.source = source;
        this.stream = new TokenStream(source, Lexer.tokens(source));
        this.expressions = new ExpressionParser(source, stream);
    }

    static List<Statement> parse(Source source) {
        Parser parser = new Parser(source);
        List<Statement> body = parser.body(Set.of());
        if (parser.stream.peek().kind() != Kind.END) {
            throw source.fault(parser.stream.peek().at(), "unexpected end of a block");
        }
        return body;
    }

    /// Statements up to a tag whose name is in `ends`; that tag's begin and name are consumed, its rest is not.
    private List<Statement> body(Set<String> ends) {
        if (++nesting > MAX_NESTING) throw source.fault(stream.peek().at(), "blocks are nested too deeply");
        List<Statement> statements = new ArrayList<>();
        while (true) {
            Token token = stream.peek();
            switch (token.kind()) {
                case DATA -> statements.add(new Node.Text(token.at(), stream.next().text()));
                case OUTPUT_BEGIN -> {
                    stream.next();
                    statements.add(new Node.Output(token.at(), expressions.tuple(true)));
                    stream.expect(Kind.OUTPUT_END);
                }
                case BLOCK_BEGIN -> {
                    Token name = stream.peek(1);
                    if (ends.contains(name.text())) {
                        stream.next();
                        nesting--;
                        return statements;
                    }
                    stream.next();
                    statements.add(statement());
                }
                case END -> {
                    if (!ends.isEmpty()) throw source.fault(token.at(), "a block is not closed, expected one of %s", ends);
                    nesting--;
                    return statements;
                }
                default -> throw source.fault(token.at(), "unexpected '%s'", token.text());
            }
        }
    }

    private Statement statement() {
        Token tag = stream.expect(Kind.NAME);
        return switch (tag.text()) {
            case "if" -> ifBlock(tag);
            case "for" -> forBlock(tag);
            case "set" -> set(tag);
            case "macro" -> macro(tag);
            case "with" -> with(tag);
            case "call" -> call(tag);
            case "filter" -> {
                List<Node.Filter> filters = expressions.filterChain();
                yield new Node.FilterBlock(tag.at(), filters, closed("endfilter"));
            }
            case "print" -> print(tag);
            case "block" -> block(tag);
            case "generation" -> {
                int outer = enterFunction();
                List<Statement> body = closed("endgeneration");
                loops = outer;
                yield new Node.Generation(tag.at(), body);
            }
            case "break", "continue" -> {
                if (loops == 0) throw source.fault(tag.at(), "%s outside of a loop", tag.text());
                stream.expect(Kind.BLOCK_END);
                yield tag.text().equals("break") ? new Node.Break(tag.at()) : new Node.Continue(tag.at());
            }
            case "include", "import", "from", "extends" -> {
                expressions.expression();
                while (stream.peek().kind() == Kind.NAME || stream.peek().is(Kind.OPERATOR, ",")) stream.next();
                stream.expect(Kind.BLOCK_END);
                yield new Node.Other(tag.at(), tag.text());
            }
            default -> throw source.fault(tag.at(), "unknown tag '%s'", tag.text());
        };
    }

    /// Loops outside of a macro or block cannot be left from inside; returns their number.
    private int enterFunction() {
        int outer = loops;
        loops = 0;
        return outer;
    }

    /// The end of an opening tag; a colon before it is allowed.
    private void opened() {
        stream.skipOperator(":");
        stream.expect(Kind.BLOCK_END);
    }

    private List<Statement> closed(String end) {
        opened();
        List<Statement> body = strictBody(Set.of(end));
        stream.next();
        stream.expect(Kind.BLOCK_END);
        return body;
    }

    /// A body that is always compiled as a whole, so unknown filters in it are errors.
    private List<Statement> strictBody(Set<String> ends) {
        boolean outer = expressions.lenient();
        expressions.lenient(false);
        List<Statement> body = body(ends);
        expressions.lenient(outer);
        return body;
    }

    private Statement ifBlock(Token tag) {
        List<Node.Branch> branches = new ArrayList<>();
        List<Statement> otherwise = List.of();
        boolean outer = expressions.lenient();
        expressions.lenient(true);
        Expression test = expressions.tuple(false);
        while (true) {
            opened();
            List<Statement> body = body(test == null ? Set.of("endif") : Set.of("elif", "else", "endif"));
            if (test == null) otherwise = body;
            else branches.add(new Node.Branch(test, body));
            String next = stream.next().text();
            if (next.equals("endif")) break;
            test = next.equals("elif") ? expressions.tuple(false) : null;
        }
        stream.expect(Kind.BLOCK_END);
        expressions.lenient(outer);
        return new Node.If(tag.at(), branches, otherwise);
    }

    private Statement forBlock(Token tag) {
        Target target = targets(false);
        stream.expectName("in");
        Expression items = expressions.tuple(false);
        Expression filter = stream.skipName("if") ? expressions.expression() : null;
        boolean recursive = stream.skipName("recursive");
        opened();
        loops++;
        List<Statement> body = strictBody(Set.of("else", "endfor"));
        loops--;
        List<Statement> otherwise = List.of();
        if (stream.next().text().equals("else")) {
            opened();
            otherwise = strictBody(Set.of("endfor"));
            stream.next();
        }
        stream.expect(Kind.BLOCK_END);
        return new Node.For(tag.at(), target, items, filter, recursive, body, otherwise);
    }

    private Statement set(Token tag) {
        Target target = targets(true);
        if (stream.skipOperator("=")) {
            Expression value = expressions.tuple(true);
            stream.expect(Kind.BLOCK_END);
            return new Node.Set(tag.at(), target, value);
        }
        List<Node.Filter> filters = new ArrayList<>();
        while (stream.peek().is(Kind.OPERATOR, "|")) filters.add(expressions.filter(null));
        return new Node.SetBlock(tag.at(), target, closed("endset"), filters);
    }

    /// One target or several with commas; a field of a namespace only where allowed.
    private Target targets(boolean fields) {
        Token first = stream.peek();
        List<Target> targets = new ArrayList<>();
        boolean tuple = false;
        do {
            boolean ends = stream.peek().kind() != Kind.NAME && !stream.peek().is(Kind.OPERATOR, "(") || stream.peek().is(Kind.NAME, "in");
            if (ends && tuple) break;
            if (stream.skipOperator("(")) {
                targets.add(targets(fields));
                stream.expectOperator(")");
            } else {
                targets.add(target(fields));
            }
            tuple |= stream.peek().is(Kind.OPERATOR, ",");
        } while (stream.skipOperator(","));
        return tuple ? new Target.Unpack(first.at(), targets) : targets.getFirst();
    }

    private Target target(boolean fields) {
        Token name = stream.expect(Kind.NAME);
        if (fields && stream.skipOperator(".")) return new Target.Field(name.at(), name.text(), stream.expect(Kind.NAME).text());
        if (ExpressionParser.CONSTANTS.contains(name.text())) throw source.fault(name.at(), "cannot assign to '%s'", name.text());
        return new Target.Variable(name.at(), name.text());
    }

    private Statement with(Token tag) {
        List<Target> targets = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (stream.peek().kind() != Kind.BLOCK_END && !stream.peek().is(Kind.OPERATOR, ":")) {
            if (!targets.isEmpty()) stream.expectOperator(",");
            targets.add(targets(false));
            stream.expectOperator("=");
            values.add(expressions.expression());
        }
        return new Node.With(tag.at(), targets, values, closed("endwith"));
    }

    private Statement print(Token tag) {
        List<Statement> outputs = new ArrayList<>();
        while (stream.peek().kind() != Kind.BLOCK_END) {
            if (!outputs.isEmpty()) stream.expectOperator(",");
            outputs.add(new Node.Output(tag.at(), expressions.expression()));
        }
        stream.expect(Kind.BLOCK_END);
        return new Node.If(tag.at(), List.of(), outputs);
    }

    private Statement block(Token tag) {
        Token name = stream.expect(Kind.NAME);
        if (!blocks.add(name.text())) throw source.fault(name.at(), "the block '%s' is defined twice", name.text());
        boolean scoped = stream.skipName("scoped");
        boolean required = stream.skipName("required");
        int outer = enterFunction();
        opened();
        List<Statement> body = strictBody(Set.of("endblock"));
        loops = outer;
        stream.next();
        stream.skipName(name.text());
        stream.expect(Kind.BLOCK_END);
        if (required) return new Node.Other(tag.at(), "required block");
        return new Node.Block(tag.at(), name.text(), scoped, body);
    }

    private Statement call(Token tag) {
        Signature signature = stream.peek().is(Kind.OPERATOR, "(") ? signature() : new Signature(List.of(), List.of());
        Token at = stream.peek();
        if (!(expressions.expression() instanceof Node.Call call)) throw source.fault(at.at(), "a call is expected here");
        return new Node.CallBlock(tag.at(), function(tag, null, signature, "endcall"), call);
    }

    private Statement macro(Token tag) {
        String name = stream.expect(Kind.NAME).text();
        return function(tag, name, signature(), "endmacro");
    }

    private record Signature(List<String> parameters, List<Expression> defaults) {}

    private Signature signature() {
        List<String> parameters = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        stream.expectOperator("(");
        while (!stream.skipOperator(")")) {
            if (!parameters.isEmpty()) stream.expectOperator(",");
            Token parameter = stream.expect(Kind.NAME);
            if (parameters.contains(parameter.text())) throw source.fault(parameter.at(), "the parameter '%s' is given twice", parameter.text());
            parameters.add(parameter.text());
            if (stream.skipOperator("=")) defaults.add(expressions.expression());
            else if (!defaults.isEmpty()) throw source.fault(parameter.at(), "a parameter without default follows one with");
        }
        return new Signature(parameters, defaults);
    }

    private Node.Macro function(Token tag, String name, Signature signature, String end) {
        int outer = enterFunction();
        Set<String> around = expressions.takeSpecial();
        List<Statement> body = closed(end);
        Set<String> seen = expressions.takeSpecial();
        expressions.addSpecial(around);
        expressions.addSpecial(seen);
        loops = outer;
        Set<String> special = new java.util.HashSet<>(seen);
        signature.parameters.forEach(special::remove);
        return new Node.Macro(tag.at(), name, signature.parameters, signature.defaults, Set.copyOf(special), body);
    }
}
