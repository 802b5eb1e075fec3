// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.List;
import java.util.Map;
import java.util.Set;

/// `value is name(arguments)`.
record Tests(Values values) {
    static final Set<String> NAMES = Set.of("defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number",
            "integer", "float", "boolean", "true", "false", "callable", "odd", "even", "divisibleby", "in", "eq", "equalto", "ne",
            "lt", "lessthan", "le", "gt", "greaterthan", "ge", "sameas", "lower", "upper");

    boolean test(String name, Object value, List<Object> arguments) {
        return switch (name) {
            case "defined" -> !(value instanceof Value.Undefined);
            case "undefined" -> value instanceof Value.Undefined;
            case "none" -> value == null;
            case "string" -> value instanceof String;
            case "mapping" -> value instanceof Map<?, ?>;
            case "iterable" -> isSequence(value) || value instanceof Value.Undefined || value instanceof Value.Generator;
            case "sequence" -> isSequence(value) || value instanceof Value.Undefined;
            case "number" -> Values.isNumber(value);
            case "integer" -> value instanceof Long;
            case "float" -> value instanceof Double;
            case "boolean" -> value instanceof Boolean;
            case "true" -> Boolean.TRUE.equals(value);
            case "false" -> Boolean.FALSE.equals(value);
            case "callable" -> value instanceof Value.MacroValue || value instanceof Value.Function || value instanceof Value.Method
                    || value instanceof Value.Undefined;
            case "odd" -> Math.floorMod(Values.integer(value, "the tested value"), 2) == 1;
            case "even" -> Math.floorMod(Values.integer(value, "the tested value"), 2) == 0;
            case "divisibleby" -> {
                long divisor = Values.integer(one(name, arguments), "the divisor");
                if (divisor == 0) throw new Problem("division by zero");
                yield Values.integer(value, "the tested value") % divisor == 0;
            }
            case "in" -> values.contains(one(name, arguments), value);
            case "eq", "equalto" -> values.equal(value, one(name, arguments));
            case "ne" -> !values.equal(value, one(name, arguments));
            case "lt", "lessthan" -> values.compare(value, one(name, arguments)) < 0;
            case "le" -> values.compare(value, one(name, arguments)) <= 0;
            case "gt", "greaterthan" -> values.compare(value, one(name, arguments)) > 0;
            case "ge" -> values.compare(value, one(name, arguments)) >= 0;
            case "sameas" -> {
                Object other = one(name, arguments);
                yield value == other || (value instanceof Boolean || value instanceof Long || value instanceof String) && value.equals(other);
            }
            case "lower" -> values.text(value).equals(values.text(value).toLowerCase(java.util.Locale.ROOT));
            case "upper" -> values.text(value).equals(values.text(value).toUpperCase(java.util.Locale.ROOT));
            default -> throw new Problem("unknown test '%s'", name);
        };
    }

    private static boolean isSequence(Object value) {
        return value instanceof String || value instanceof List<?> || value instanceof Map<?, ?> || value instanceof Value.Tuple;
    }

    private static Object one(String name, List<Object> arguments) {
        if (arguments.size() != 1) throw new Problem("the test '%s' takes one argument, got %d", name, arguments.size());
        return arguments.getFirst();
    }
}
