// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Global functions of chat templates; `raise_exception` is the interpreter's.
final class Functions {
    static final Set<String> NAMES = Set.of("namespace", "dict", "range", "raise_exception", "strftime_now", "joiner", "cycler");
    private static final int MAX_RANGE = 100_000;

    private Functions() {}

    static Object call(String name, CallArguments arguments, LocalDateTime now, Values values) {
        return switch (name) {
            case "namespace" -> {
                Map<String, Object> fields = new LinkedHashMap<>();
                dict(arguments, values).forEach((key, value) -> {
                    if (!(key instanceof String field) || field.startsWith("_")) throw new Problem("a namespace cannot have the field %s", key);
                    fields.put(field, value);
                });
                yield Value.Namespace.of(fields);
            }
            case "dict" -> dict(arguments, values);
            case "range" -> range(arguments, values.budget());
            case "joiner" -> new Value.Joiner(arguments.bind(name, "sep", ", ")[0]);
            case "cycler" -> {
                if (arguments.positional().isEmpty() || !arguments.named().isEmpty()) throw new Problem("cycler needs items");
                yield new Value.Cycler(arguments.positional());
            }
            case "strftime_now" -> DateFormat.format(arguments.bind(name, "format", CallArguments.REQUIRED)[0], now);
            default -> throw new IllegalStateException(name);
        };
    }

    /// Python's dict(mapping or pairs, name=value).
    private static Map<Object, Object> dict(CallArguments arguments, Values values) {
        Map<Object, Object> map = new LinkedHashMap<>();
        if (arguments.positional().size() > 1) throw new Problem("dict takes at most one positional argument");
        if (!arguments.positional().isEmpty()) {
            Object given = arguments.positional().getFirst();
            if (given instanceof Map<?, ?> other) map.putAll(other);
            else if (given instanceof Value.Undefined undefined && values.list(undefined).isEmpty()) map.clear();
            else for (Object pair : values.list(given)) {
                List<Object> parts = values.list(pair);
                if (parts.size() != 2) throw new Problem("dict needs pairs, got %d elements", parts.size());
                map.put(Values.key(parts.get(0)), parts.get(1));
            }
        }
        map.putAll(arguments.named());
        return map;
    }

    private static Value.Range range(CallArguments arguments, Budget budget) {
        List<Object> given = arguments.positional();
        if (given.isEmpty() || given.size() > 3 || !arguments.named().isEmpty()) throw new Problem("range takes one to three integers");
        long from = given.size() == 1 ? 0 : Values.integer(given.get(0), "a bound of range");
        long to = Values.integer(given.get(given.size() == 1 ? 0 : 1), "a bound of range");
        long step = given.size() < 3 ? 1 : Values.integer(given.get(2), "the step of range");
        if (step == 0) throw new Problem("the step of range cannot be zero");
        List<Object> numbers = new ArrayList<>();
        for (long i = from; step > 0 ? i < to : i > to; i += step) {
            if (numbers.size() == MAX_RANGE) throw new Problem("a range has more than %d numbers", MAX_RANGE);
            numbers.add(i);
        }
        budget.elements(numbers.size());
        return new Value.Range(numbers, from, step, to);
    }
}
