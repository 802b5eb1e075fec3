// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import dev.stoa.template.Node.Expression;
import dev.stoa.template.Node.Statement;
import dev.stoa.template.Node.Target;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Iterator;
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
    private final Access access = new Access(values);
    private final Filters filters = Filters.of(values);
    private final List<Span> spans = new ArrayList<>();
    private final StringBuilder document = new StringBuilder();
    private StringBuilder out = document;
    private Scope root;
    private int calls;
    private int unplaced;

    Interpreter(Source source, LocalDateTime now) {
        this.source = source;
        this.now = now;
    }

    Rendered run(List<Statement> body, Map<String, ?> variables) {
        Scope globals = new Scope(null);
        for (String name : Functions.NAMES) globals.set(name, new Value.Named(name));
        root = new Scope(globals);
        variables.forEach(root::set);
        run(body, root);
        return new Rendered(document.toString(), spans, unplaced);
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
            case Node.For loop -> {
                return run(loop, evaluate(loop.items(), scope), 0, scope);
            }
            case Node.Set set -> assign(set.target(), evaluate(set.value(), scope), scope);
            case Node.SetBlock set -> {
                StringBuilder text = new StringBuilder();
                Flow flow = captured(set.body(), new Scope(scope), text);
                if (flow != Flow.NEXT) return flow;
                assign(set.target(), filtered(text.toString(), set.filters(), scope), scope);
            }
            case Node.FilterBlock block -> {
                StringBuilder text = new StringBuilder();
                Flow flow = captured(block.body(), new Scope(scope), text);
                if (flow != Flow.NEXT) return flow;
                write(values.text(filtered(text.toString(), block.filters(), scope)));
            }
            case Node.With with -> {
                List<Object> given = new ArrayList<>();
                for (Expression value : with.values()) given.add(evaluate(value, scope));
                Scope inner = new Scope(scope);
                for (int i = 0; i < given.size(); i++) assign(with.targets().get(i), given.get(i), inner);
                return run(with.body(), inner);
            }
            case Node.Macro macro -> scope.set(macro.name(), new Value.MacroValue(macro, scope));
            case Node.CallBlock block -> {
                Value.MacroValue caller = new Value.MacroValue(block.caller(), scope);
                write(values.text(call(block.call(), scope, caller)));
            }
            case Node.Block block -> run(block.body(), new Scope(block.scoped() ? scope : root));
            case Node.Other other -> throw new Problem("'%s' needs other templates, and there are none", other.tag());
            case Node.Generation generation -> {
                int begin = document.length();
                run(generation.body(), new Scope(scope));
                if (out == document) spans.add(new Span(begin, document.length()));
                else unplaced++;
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

    /// Runs statements with their text going to `target`.
    private Flow captured(List<Statement> body, Scope scope, StringBuilder target) {
        StringBuilder outer = out;
        out = target;
        try {
            return run(body, scope);
        } finally {
            out = outer;
        }
    }

    private Object filtered(String text, List<Node.Filter> chain, Scope scope) {
        Object result = text;
        for (Node.Filter filter : chain) {
            CallArguments arguments = arguments(filter.arguments(), scope);
            try {
                result = filters.apply(filter.name(), result, arguments);
            } catch (Problem problem) {
                throw source.fault(filter.at(), "%s", problem.getMessage());
            }
        }
        return result;
    }

    private Flow run(Node.For loop, Object items, int depth, Scope scope) {
        Iterator<Object> rest = values.iterator(items);
        long length = loop.filter() == null ? Values.lengthOrUnknown(items) : -1;
        if (loop.filter() != null) rest = kept(loop, rest, scope);
        Value.Loop state = new Value.Loop(rest, length, depth, loop.recursive() ? inner -> recursed(loop, inner, depth + 1, scope) : null);
        boolean completed = false;
        while (state.hasNext()) {
            budget.step();
            Scope inner = new Scope(scope);
            assign(loop.target(), state.next(), inner);
            inner.set("loop", state);
            Flow flow = run(loop.body(), inner);
            if (flow == Flow.BREAK) break;
            completed |= flow == Flow.NEXT;
        }
        // As in jinja2, `else` also runs when break or continue cut short every turn that began.
        return completed ? Flow.NEXT : run(loop.otherwise(), new Scope(scope));
    }

    private Object recursed(Node.For loop, Object items, int depth, Scope scope) {
        if (++calls > MAX_CALLS) throw new Problem("a loop calls itself more than %d deep", MAX_CALLS);
        StringBuilder text = new StringBuilder();
        StringBuilder outer = out;
        out = text;
        try {
            run(loop, items, depth, scope);
        } finally {
            out = outer;
        }
        calls--;
        return text.toString();
    }

    /// The elements that pass the filter of a loop, each tested when it is its turn.
    private Iterator<Object> kept(Node.For loop, Iterator<Object> all, Scope scope) {
        return new Iterator<>() {
            private Object next;
            private boolean ready;

            @Override
            public boolean hasNext() {
                while (!ready && all.hasNext()) {
                    next = all.next();
                    Scope inner = new Scope(scope);
                    assign(loop.target(), next, inner);
                    ready = Values.truth(evaluate(loop.filter(), inner));
                }
                return ready;
            }

            @Override
            public Object next() {
                if (!hasNext()) throw new java.util.NoSuchElementException();
                ready = false;
                return next;
            }
        };
    }

    private void assign(Target target, Object value, Scope scope) {
        switch (target) {
            case Target.Variable variable -> scope.set(variable.name(), value);
            case Target.Field field -> {
                if (!(scope.get(field.name()) instanceof Value.Namespace space)) {
                    throw new Problem("cannot assign to '%s.%s': it is not a namespace", field.name(), field.field());
                }
                if (field.field().startsWith("_")) throw new Problem("a namespace cannot have the field %s", field.field());
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
                    Object key = Values.key(evaluate(dict.keys().get(i), scope));
                    map.put(key, evaluate(dict.values().get(i), scope));
                }
                yield map;
            }
            case Node.Attribute attribute -> Access.attribute(evaluate(attribute.target(), scope), attribute.name());
            case Node.Item item -> Access.item(evaluate(item.target(), scope), evaluate(item.index(), scope));
            // jinja2 computes constants ahead, where what cannot be sliced is undefined instead of an error
            case Node.Slice slice when slice.target() instanceof Node.Literal literal && !(literal.value() instanceof String) ->
                new Value.Undefined("a constant cannot be sliced");
            case Node.Slice slice -> access.slice(evaluate(slice.target(), scope), optional(slice.begin(), scope),
                    optional(slice.end(), scope), optional(slice.step(), scope));
            case Node.Call call -> call(call, scope, null);
            case Node.Filter filter ->
                filters.apply(filter.name(), evaluate(filter.input(), scope), arguments(filter.arguments(), scope));
            case Node.Test test -> {
                CallArguments arguments = arguments(test.arguments(), scope);
                if (!arguments.named().isEmpty()) throw new Problem("the test '%s' takes no named arguments", test.name());
                yield filters.tests().test(test.name(), evaluate(test.input(), scope), arguments.positional()) != test.negated();
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
        if (operator.equals("+")) return value instanceof Boolean ? (Object) Values.integer(value, "") : value;
        return value instanceof Double number ? (Object) (-number) : Values.whole(Values.big(value).negate());
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
                default -> filters.tests().holds(comparison.operators().get(i), left, right);
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
        if (arguments.rest() != null) positional.addAll(values.list(evaluate(arguments.rest(), scope)));
        if (arguments.namedRest() != null) {
            if (!(evaluate(arguments.namedRest(), scope) instanceof Map<?, ?> more)) throw new Problem("** needs a mapping");
            more.forEach((name, value) -> {
                if (!(name instanceof String text) || named.put(text, value) != null) throw new Problem("** gives the argument %s again", name);
            });
        }
        return new CallArguments(positional, named);
    }

    /// `caller`, when not null, is what a call block passes along.
    private Object call(Node.Call call, Scope scope, Value.MacroValue caller) {
        Object target = evaluate(call.target(), scope);
        CallArguments arguments = arguments(call.arguments(), scope);
        if (caller != null) {
            Map<String, Object> named = new LinkedHashMap<>(arguments.named());
            named.put("caller", caller);
            arguments = new CallArguments(arguments.positional(), named);
        }
        return switch (target) {
            case Value.Method method -> filters.methods().call(method.target(), method.name(), arguments);
            case Value.MacroValue macro -> call(macro, arguments);
            case Value.Named function when function.name().equals("raise_exception") ->
                throw source.raised(call.at(), values.text(arguments.bind(function.name(), "message", CallArguments.REQUIRED)[0]));
            case Value.Named function -> Functions.call(function.name(), arguments, now, values);
            case Value.Joiner joiner -> {
                arguments.bind("joiner");
                yield joiner.next();
            }
            case Value.Loop loop -> loop.recurse(arguments.bind("loop", "iterable", CallArguments.REQUIRED)[0]);
            case Value.Undefined undefined -> throw new Problem("%s", undefined.hint());
            case null, default -> throw new Problem("a %s cannot be called", Values.type(target));
        };
    }

    private Object call(Value.MacroValue value, CallArguments given) {
        Node.Macro macro = value.macro();
        int count = macro.parameters().size();
        int required = count - macro.defaults().size();
        Scope scope = new Scope(value.scope());
        Map<String, Object> named = new LinkedHashMap<>(given.named());
        List<Object> positional = given.positional();
        boolean[] missing = new boolean[count];
        for (int i = 0; i < count; i++) {
            String name = macro.parameters().get(i);
            missing[i] = i >= positional.size() && !named.containsKey(name);
            if (missing[i]) scope.set(name, new Value.Undefined("parameter '" + name + "' was not provided"));
            else scope.set(name, i < positional.size() ? positional.get(i) : named.remove(name));
        }
        if (macro.special().contains("caller")) {
            Object caller = named.remove("caller");
            scope.set("caller", caller == null ? new Value.Undefined("no caller defined") : caller);
        }
        if (macro.special().contains("kwargs")) scope.set("kwargs", new LinkedHashMap<Object, Object>(named));
        else if (!named.isEmpty()) throw new Problem("the macro '%s' takes no argument '%s'", macro.name(), named.keySet().iterator().next());
        if (macro.special().contains("varargs")) {
            scope.set("varargs", new Value.Tuple(new ArrayList<>(positional.subList(Math.min(count, positional.size()), positional.size()))));
        } else if (positional.size() > count) {
            throw new Problem("the macro '%s' takes not more than %d arguments", macro.name(), count);
        }
        for (int i = required; i < count; i++) {
            if (missing[i]) scope.set(macro.parameters().get(i), evaluate(macro.defaults().get(i - required), scope));
        }
        if (++calls > MAX_CALLS) throw new Problem("macros call each other more than %d deep", MAX_CALLS);
        StringBuilder text = new StringBuilder();
        captured(macro.body(), scope, text);
        calls--;
        return text.toString();
    }
}
