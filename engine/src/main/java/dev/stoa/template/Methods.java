// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Methods of values that templates call. Nothing here changes its target: templates run in a sandbox where `append`
/// and the like are refused. Those of texts are in [TextMethods].
record Methods(Values values, TextMethods texts) {
    private static final Set<String> OF_DICT = Set.of("get", "items", "keys", "values", "copy", "fromkeys");
    private static final Set<String> OF_LIST = Set.of("index", "count", "copy");
    private static final Set<String> OF_MARKUP = Set.of("striptags", "unescape");

    static Methods of(Values values) {
        return new Methods(values, new TextMethods(values));
    }

    static boolean has(Object target, String name) {
        return switch (target) {
            case String _ -> TextMethods.NAMES.contains(name);
            case Value.Markup _ -> TextMethods.NAMES.contains(name) || OF_MARKUP.contains(name);
            case Map<?, ?> _ -> OF_DICT.contains(name);
            case List<?> _ -> OF_LIST.contains(name);
            case Value.Tuple _, Value.Range _ -> !name.equals("copy") && OF_LIST.contains(name);
            case Value.Cycler _ -> name.equals("next") || name.equals("reset");
            case Value.Named named -> named.name().equals("dict") && name.equals("fromkeys");
            case Double _ -> name.equals("is_integer");
            case Long _ -> name.equals("bit_length");
            case null, default -> false;
        };
    }

    Object call(Object target, String name, CallArguments arguments) {
        return switch (target) {
            case String text -> texts.call(text, name, arguments);
            case Value.Markup text -> texts.call(text, name, arguments);
            case Map<?, ?> map -> ofDict(map, name, arguments);
            case List<?> list -> ofList(list, name, arguments);
            case Value.Tuple tuple -> ofList(tuple.items(), name, arguments);
            case Value.Range range -> ofList(range.items(), name, arguments);
            case Value.Loop loop -> {
                if (!arguments.named().isEmpty()) throw new Problem("%s takes no named arguments", name);
                yield name.equals("cycle") ? loop.cycle(arguments.positional())
                        : (Object) loop.changed(new Value.Tuple(arguments.positional()), values);
            }
            case Value.Cycler cycler -> {
                arguments.bind(name);
                if (name.equals("next")) yield cycler.next();
                cycler.reset();
                yield null;
            }
            case Value.Named _ -> fromKeys(arguments);
            case Double number -> {
                arguments.bind(name);
                yield number == Math.rint(number) && !Double.isInfinite(number);
            }
            case Long number -> {
                arguments.bind(name);
                yield (long) Values.big(number).abs().bitLength();
            }
            case null, default -> throw new Problem("%s has no method '%s'", Values.type(target), name);
        };
    }

    private Object ofDict(Map<?, ?> map, String name, CallArguments arguments) {
        if (name.equals("get")) {
            Object[] bound = arguments.positionalOnly(name, "key", CallArguments.REQUIRED, "default", null);
            return Values.has(map, bound[0]) ? Values.get(map, bound[0]) : bound[1];
        }
        if (name.equals("fromkeys")) return fromKeys(arguments);
        arguments.bind(name);
        values.budget().elements(map.size());
        return switch (name) {
            case "items" -> new Value.View("dict_items", items(map));
            case "keys" -> new Value.View("dict_keys", new ArrayList<>(map.keySet()));
            case "values" -> new Value.View("dict_values", new ArrayList<>(map.values()));
            case "copy" -> new LinkedHashMap<Object, Object>(map);
            default -> throw new IllegalStateException(name);
        };
    }

    private Object fromKeys(CallArguments arguments) {
        Object[] bound = arguments.positionalOnly("fromkeys", "iterable", CallArguments.REQUIRED, "value", null);
        Map<Object, Object> map = new LinkedHashMap<>();
        for (Object key : values.list(bound[0])) map.put(Values.key(key), bound[1]);
        return map;
    }

    static List<Object> items(Map<?, ?> map) {
        List<Object> pairs = new ArrayList<>();
        map.forEach((key, value) -> pairs.add(new Value.Tuple(java.util.Arrays.asList(key, value))));
        return pairs;
    }

    private Object ofList(List<?> list, String name, CallArguments arguments) {
        if (name.equals("copy")) {
            arguments.bind(name);
            return new ArrayList<Object>(list);
        }
        Object wanted = arguments.positionalOnly(name, "value", CallArguments.REQUIRED)[0];
        long count = 0;
        for (int i = 0; i < list.size(); i++) {
            if (!values.equal(list.get(i), wanted)) continue;
            if (name.equals("index")) return (long) i;
            count++;
        }
        if (name.equals("index")) throw new Problem("the value is not in the list");
        return count;
    }
}
