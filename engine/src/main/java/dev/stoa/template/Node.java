// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;

/// The tree of a template. `at` is the character offset that errors point to.
sealed interface Node {
    int at();

    /// Something with a value.
    sealed interface Expression extends Node {}

    /// Something with an effect: text written, a variable set.
    sealed interface Statement extends Node {}

    record Literal(int at, Object value) implements Expression {}

    record Name(int at, String name) implements Expression {}

    record ListLiteral(int at, List<Expression> items, boolean tuple) implements Expression {}

    record DictLiteral(int at, List<Expression> keys, List<Expression> values) implements Expression {}

    record Attribute(int at, Expression target, String name) implements Expression {}

    record Item(int at, Expression target, Expression index) implements Expression {}

    /// Bounds and step may be null.
    record Slice(int at, Expression target, Expression begin, Expression end, Expression step) implements Expression {}

    record Call(int at, Expression target, Arguments arguments) implements Expression {}

    record Filter(int at, Expression input, String name, Arguments arguments) implements Expression {}

    record Test(int at, Expression input, String name, Arguments arguments, boolean negated) implements Expression {}

    record Unary(int at, String operator, Expression operand) implements Expression {}

    record Binary(int at, String operator, Expression left, Expression right) implements Expression {}

    /// `a < b <= c`: operators[i] stands between operand i and i + 1.
    record Comparison(int at, List<Expression> operands, List<String> operators) implements Expression {}

    /// `otherwise` may be null.
    record Conditional(int at, Expression test, Expression then, Expression otherwise) implements Expression {}

    /// `rest` and `namedRest` are what `*` and `**` spread; null when absent.
    record Arguments(List<Expression> positional, List<String> names, List<Expression> named, Expression rest, Expression namedRest) {
        static final Arguments NONE = new Arguments(List.of(), List.of(), List.of(), null, null);
    }

    record Text(int at, String text) implements Statement {}

    record Output(int at, Expression value) implements Statement {}

    record Branch(Expression test, List<Statement> body) {}

    record If(int at, List<Branch> branches, List<Statement> otherwise) implements Statement {}

    /// `filter` may be null.
    record For(int at, Target target, Expression items, Expression filter, boolean recursive, List<Statement> body,
               List<Statement> otherwise) implements Statement {}

    /// Values are computed outside, targets live inside.
    record With(int at, List<Target> targets, List<Expression> values, List<Statement> body) implements Statement {}

    /// `{% filter name %}text{% endfilter %}`.
    record FilterBlock(int at, List<Filter> filters, List<Statement> body) implements Statement {}

    /// `{% call(x) macro() %}text{% endcall %}`: the text is the macro `caller`.
    record CallBlock(int at, Macro caller, Call call) implements Statement {}

    /// A named part; it sees the variables of the top level only.
    record Block(int at, String name, boolean scoped, List<Statement> body) implements Statement {}

    /// A tag that needs other templates; there are none.
    record Other(int at, String tag) implements Statement {}

    record Set(int at, Target target, Expression value) implements Statement {}

    /// `{% set x %}text{% endset %}`; filters apply to the text, the input of the innermost being null.
    record SetBlock(int at, Target target, List<Statement> body, List<Filter> filters) implements Statement {}

    /// `special` are those of `varargs`, `kwargs` and `caller` that the body uses without declaring them; the name of
    /// what a call block passes is null.
    record Macro(int at, String name, List<String> parameters, List<Expression> defaults, java.util.Set<String> special,
                 List<Statement> body) implements Statement {}

    /// A part written by the assistant.
    record Generation(int at, List<Statement> body) implements Statement {}

    record Break(int at) implements Statement {}

    record Continue(int at) implements Statement {}

    /// What an assignment writes to.
    sealed interface Target {
        record Variable(int at, String name) implements Target {}

        /// A field of a namespace.
        record Field(int at, String name, String field) implements Target {}

        record Unpack(int at, List<Target> targets) implements Target {}
    }
}
