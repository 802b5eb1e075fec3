// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import dev.stoa.template.Node.Expression;
import dev.stoa.template.Node.Statement;
import dev.stoa.template.Node.Target;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Runs one template once: walks the tree, writes text, and turns wrong operations into faults with their place.
final class Interpreter {
    private static final int MAX_CALLS = 100;

    /// How a block ended.
    private enum Flow { NEXT, BREAK, CONTINUE }

    private final Source source;
    private final LocalDateTime now;
    private final Budget budget = new Budget();
    private final Values values = new Values(budget);
    private final Arithmetic arithmetic = new Arithmetic(values);
    private final Filters filters = Filters.of(values);
    private final List<Span> spans = new ArrayList<>();
    private final StringBuilder document = new StringBuilder();
    private StringBuilder out = document;
    private int calls;

    Interpreter(Source source, LocalDateTime now) {
        this.source = source;
        this.now = now;
    }

    Rendered run(List<Statement> body, Map<String, ?> variables) {
        Scope globals = new Scope(null);
        for (String name : Functions.NAMES) globals.set(name, new Value.Function(name));
        Scope scope = new Scope(globals);
        variables.forEach(scope::set);
        run(body, scope);
        return new Rendered(document.toString(), spans);
    }

    private Flow run(List<Statement> body, Scope scope) {
        for (Statement statement : body) {
            Flow flow;
            try {
                budget.step();
                flow = run(statement, scope);
            } catch (Problem problem) {
                throw source.fault(statement.at(), "%s", problem.getMessage());
            }
            if (flow != Flow.NEXT) return flow;
        }
        return Flow.NEXT;
    }

    private Flow run(Statement statement, Scope scope) {
        switch (statement) {
            case Node.Text text -> write(text.text());
            case Node.Output output -> write(values.text(evaluate(output.value(), scope)));
            case Node.If branches -> {
                for (Node.Branch branch : branches.branches()) {
                    if (Values.truth(evaluate(branch.test(), scope))) return run(branch.body(), scope);
                }
                return run(branches.otherwise(), scope);
            }
            case Node.For loop -> run(loop, scope);
            case Node.Set set -> assign(set.target(), evaluate(set.value(), scope), scope);
            case Node.SetBlock set -> {
                Object text = captured(set.body(), new Scope(scope));
                for (Node.Filter filter : set.filters()) {
                    text = filters.apply(filter.name(), text, arguments(filter.arguments(), scope));
                }
                assign(set.target(), text, scope);
            }
            case Node.Macro macro -> scope.set(macro.name(), new Value.MacroValue(macro, scope));
            case Node.Generation generation -> {
                if (out != document) throw new Problem("a generation block inside a macro or a set block has no place in the text");
                int begin = document.length();
                run(generation.body(), new Scope(scope));
                spans.add(new Span(begin, document.length()));
            }
            case Node.Break _ -> {
                return Flow.BREAK;
            }
            case Node.Continue _ -> {
                return Flow.CONTINUE;
            }
        }
        return Flow.NEXT;
    }

    private void write(String text) {
        budget.append(out, text.length());
        out.append(text);
    }

    private String captured(List<Statement> body, Scope scope) {
        StringBuilder outer = out;
        out = new StringBuilder();
        try {
            run(body, scope);
            return out.toString();
        } finally {
            out = outer;
        }
    }

    private void run(Node.For loop, Scope scope) {
        List<Object> items = values.list(evaluate(loop.items(), scope));
        if (loop.filter() != null) {
            List<Object> kept = new ArrayList<>();
            for (Object item : items) {
                Scope inner = new Scope(scope);
                assign(loop.target(), item, inner);
                if (Values.truth(evaluate(loop.filter(), inner))) kept.add(item);
            }
            items = kept;
        }
        if (items.isEmpty()) run(loop.otherwise(), new Scope(scope));
        for (int i = 0; i < items.size(); i++) {
            budget.step();
            Scope inner = new Scope(scope);
            assign(loop.target(), items.get(i), inner);
            inner.set("loop", new Value.Loop(items, i));
            if (run(loop.body(), inner) == Flow.BREAK) break;
        }
    }

    private void assign(Target target, Object value, Scope scope) {
        switch (target) {
            case Target.Variable variable -> scope.set(variable.name(), value);
            case Target.Field field -> {
                if (!(scope.get(field.name()) instanceof Value.Namespace space)) {
                    throw new Problem("cannot assign to '%s.%s': it is not a namespace", field.name(), field.field());
                }
                space.fields().put(field.field(), value);
            }
            case Target.Unpack unpack -> {
                List<Object> items = values.list(value);
                if (items.size() != unpack.targets().size()) {
                    throw new Problem("cannot unpack %d values into %d names", items.size(), unpack.targets().size());
                }
                for (int i = 0; i < items.size(); i++) assign(unpack.targets().get(i), items.get(i), scope);
            }
        }
    }

    private Object evaluate(Expression expression, Scope scope) {
        try {
            budget.step();
            return value(expression, scope);
        } catch (Problem problem) {
            throw source.fault(expression.at(), "%s", problem.getMessage());
        }
    }

    private Object value(Expression expression, Scope scope) {
        return switch (expression) {
            case Node.Literal literal -> literal.value();
            case Node.Name name -> scope.get(name.name());
            case Node.ListLiteral list -> {
                List<Object> items = new ArrayList<>(list.items().size());
                for (Expression item : list.items()) items.add(evaluate(item, scope));
                yield list.tuple() ? new Value.Tuple(items) : items;
            }
            case Node.DictLiteral dict -> {
                Map<Object, Object> map = new LinkedHashMap<>();
                for (int i = 0; i < dict.keys().size(); i++) {
                    Object key = evaluate(dict.keys().get(i), scope);
                    if (key instanceof List<?> || key instanceof Map<?, ?>) throw new Problem("a %s cannot be a key", Values.type(key));
                    map.put(key, evaluate(dict.values().get(i), scope));
                }
                yield map;
            }
            case Node.Attribute attribute -> Values.attribute(evaluate(attribute.target(), scope), attribute.name());
            case Node.Item item -> Values.item(evaluate(item.target(), scope), evaluate(item.index(), scope));
            case Node.Slice slice -> values.slice(evaluate(slice.target(), scope), optional(slice.begin(), scope),
                    optional(slice.end(), scope), optional(slice.step(), scope));
            case Node.Call call -> call(call, scope);
            case Node.Filter filter ->
                filters.apply(filter.name(), evaluate(filter.input(), scope), arguments(filter.arguments(), scope));
            case Node.Test test -> {
                List<Object> arguments = new ArrayList<>();
                for (Expression argument : test.arguments()) arguments.add(evaluate(argument, scope));
                yield filters.tests().test(test.name(), evaluate(test.input(), scope), arguments) != test.negated();
            }
            case Node.Unary unary -> unary(unary.operator(), evaluate(unary.operand(), scope));
            case Node.Binary binary -> switch (binary.operator()) {
                case "and" -> {
                    Object left = evaluate(binary.left(), scope);
                    yield Values.truth(left) ? evaluate(binary.right(), scope) : left;
                }
                case "or" -> {
                    Object left = evaluate(binary.left(), scope);
                    yield Values.truth(left) ? left : evaluate(binary.right(), scope);
                }
                default -> arithmetic.apply(binary.operator(), evaluate(binary.left(), scope), evaluate(binary.right(), scope));
            };
            case Node.Comparison comparison -> compare(comparison, scope);
            case Node.Conditional conditional -> {
                if (Values.truth(evaluate(conditional.test(), scope))) yield evaluate(conditional.then(), scope);
                yield conditional.otherwise() == null
                        ? new Value.Undefined("the inline if evaluated to false and has no else") : evaluate(conditional.otherwise(), scope);
            }
        };
    }

    private Object optional(Expression expression, Scope scope) {
        return expression == null ? null : evaluate(expression, scope);
    }

    private static Object unary(String operator, Object value) {
        if (operator.equals("not")) return !Values.truth(value);
        if (!Values.isNumber(value)) throw new Problem("%s has no sign", Values.type(value));
        if (operator.equals("+")) return value;
        return value instanceof Double number ? (Object) (-number) : (Object) Math.negateExact(Values.integer(value, ""));
    }

    private Object compare(Node.Comparison comparison, Scope scope) {
        Object left = evaluate(comparison.operands().getFirst(), scope);
        for (int i = 0; i < comparison.operators().size(); i++) {
            Object right = evaluate(comparison.operands().get(i + 1), scope);
            boolean holds = switch (comparison.operators().get(i)) {
                case "==" -> values.equal(left, right);
                case "!=" -> !values.equal(left, right);
                case "in" -> values.contains(right, left);
                case "not in" -> !values.contains(right, left);
                case "<" -> values.compare(left, right) < 0;
                case "<=" -> values.compare(left, right) <= 0;
                case ">" -> values.compare(left, right) > 0;
                case ">=" -> values.compare(left, right) >= 0;
                default -> throw new IllegalStateException(comparison.operators().get(i));
            };
            if (!holds) return false;
            left = right;
        }
        return true;
    }

    private CallArguments arguments(Node.Arguments arguments, Scope scope) {
        List<Object> positional = new ArrayList<>();
        for (Expression argument : arguments.positional()) positional.add(evaluate(argument, scope));
        Map<String, Object> named = new LinkedHashMap<>();
        for (int i = 0; i < arguments.names().size(); i++) {
            named.put(arguments.names().get(i), evaluate(arguments.named().get(i), scope));
        }
        return new CallArguments(positional, named);
    }

    private Object call(Node.Call call, Scope scope) {
        Object target = evaluate(call.target(), scope);
        CallArguments arguments = arguments(call.arguments(), scope);
        return switch (target) {
            case Value.Method method -> filters.methods().call(method.target(), method.name(), arguments);
            case Value.MacroValue macro -> call(macro, arguments);
            case Value.Function function when function.name().equals("raise_exception") ->
                throw source.raised(call.at(), values.text(arguments.bind(function.name(), "message", "")[0]));
            case Value.Function function -> Functions.call(function.name(), arguments, now, budget);
            case Value.Undefined undefined -> throw new Problem("%s", undefined.hint());
            case null, default -> throw new Problem("a %s cannot be called", Values.type(target));
        };
    }

    private Object call(Value.MacroValue value, CallArguments arguments) {
        Node.Macro macro = value.macro();
        int required = macro.parameters().size() - macro.defaults().size();
        Scope scope = new Scope(value.scope());
        Object[] pairs = new Object[macro.parameters().size() * 2];
        for (int i = 0; i < macro.parameters().size(); i++) {
            pairs[2 * i] = macro.parameters().get(i);
            pairs[2 * i + 1] = CallArguments.OMITTED;
        }
        Object[] bound = arguments.bind(macro.name(), pairs);
        for (int i = 0; i < bound.length; i++) {
            String name = macro.parameters().get(i);
            if (bound[i] != CallArguments.OMITTED) scope.set(name, bound[i]);
            else if (i >= required) scope.set(name, evaluate(macro.defaults().get(i - required), scope));
            else scope.set(name, new Value.Undefined("parameter '" + name + "' was not provided"));
        }
        if (++calls > MAX_CALLS) throw new Problem("macros call each other more than %d deep", MAX_CALLS);
        String text = captured(macro.body(), scope);
        calls--;
        return text;
    }
}
