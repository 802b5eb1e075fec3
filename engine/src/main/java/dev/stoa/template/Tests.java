// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;
import java.util.Map;
import java.util.Set;

/// `value is name(arguments)`.
record Tests(Values values) {
    static final Set<String> NAMES = Set.of("defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number",
            "integer", "float", "boolean", "true", "false", "callable", "odd", "even", "divisibleby", "in", "eq", "equalto", "==", "ne",
            "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=", "sameas", "lower", "upper", "escaped", "filter",
            "test");
    private static final Set<String> WITH_ARGUMENT = Set.of("divisibleby", "in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan",
            "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=", "sameas");

    boolean test(String name, Object value, List<Object> arguments) {
        int wanted = WITH_ARGUMENT.contains(name) ? 1 : 0;
        if (arguments.size() != wanted) throw new Problem("the test '%s' takes %d arguments, got %d", name, wanted, arguments.size());
        Object other = wanted == 1 ? arguments.getFirst() : null;
        return switch (name) {
            case "defined" -> !(value instanceof Value.Undefined);
            case "undefined" -> value instanceof Value.Undefined;
            case "none" -> value == null;
            case "string" -> Values.isText(value);
            case "mapping" -> value instanceof Map<?, ?>;
            case "iterable" -> Values.isIterable(value);
            case "sequence" -> Values.isText(value) || value instanceof List<?> || value instanceof Map<?, ?> || value instanceof Value.Tuple
                    || value instanceof Value.Range || value instanceof Value.Undefined;
            case "number" -> Values.isNumber(value);
            case "integer" -> Values.isInteger(value) && !(value instanceof Boolean);
            case "float" -> value instanceof Double;
            case "boolean" -> value instanceof Boolean;
            case "true" -> Boolean.TRUE.equals(value);
            case "false" -> Boolean.FALSE.equals(value);
            case "escaped" -> value instanceof Value.Markup;
            case "filter" -> Values.key(value) instanceof String filter && Filters.NAMES.contains(filter);
            case "test" -> Values.key(value) instanceof String test && NAMES.contains(test);
            case "callable" -> value instanceof Value.MacroValue || value instanceof Value.Named || value instanceof Value.Method
                    || value instanceof Value.Undefined || value instanceof Value.Joiner || value instanceof Value.Loop;
            case "odd" -> remainder(value, 2L).equals(1L) || remainder(value, 2L).equals(1.0);
            case "even" -> Values.number(remainder(value, 2L)) == 0;
            case "divisibleby" -> Values.number(remainder(value, other)) == 0;
            case "in" -> values.contains(other, value);
            case "eq", "equalto", "==" -> values.equal(value, other);
            case "ne", "!=" -> !values.equal(value, other);
            case "lt", "lessthan", "<" -> holds("<", value, other);
            case "le", "<=" -> holds("<=", value, other);
            case "gt", "greaterthan", ">" -> holds(">", value, other);
            case "ge", ">=" -> holds(">=", value, other);
            case "sameas" -> value == other || (value instanceof Boolean || value instanceof Long || value instanceof String) && value.equals(other);
            case "lower" -> caseOf(value, "islower");
            case "upper" -> caseOf(value, "isupper");
            default -> throw new Problem("unknown test '%s'", name);
        };
    }

    private boolean caseOf(Object value, String method) {
        return (Boolean) new TextMethods(values).call(values.text(value), method, CallArguments.NONE);
    }

    private Object remainder(Object value, Object divisor) {
        Object rest = new Arithmetic(values).apply("%", value, divisor);
        if (!Values.isNumber(rest)) throw new Problem("%s is not a number", Values.type(value));
        return rest;
    }

    /// An order of two values; NaN has none with anything.
    boolean holds(String operator, Object a, Object b) {
        if (a instanceof Double left && left.isNaN() && Values.isNumber(b) || b instanceof Double right && right.isNaN() && Values.isNumber(a)) {
            return false;
        }
        int order = values.compare(a, b);
        return switch (operator) {
            case "<" -> order < 0;
            case "<=" -> order <= 0;
            case ">" -> order > 0;
            case ">=" -> order >= 0;
            default -> throw new IllegalStateException(operator);
        };
    }
}
