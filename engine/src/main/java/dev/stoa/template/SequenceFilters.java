// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import static dev.stoa.template.CallArguments.REQUIRED;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/// Filters of sequences. Those that jinja2 writes as generators are lazy here too: an element that nobody asks for can
/// do no harm.
record SequenceFilters(Filters filters) {
    static final Set<String> NAMES = Set.of("items", "dictsort", "join", "list", "map", "select", "reject", "selectattr",
            "rejectattr", "first", "last", "reverse", "sort", "unique", "sum", "min", "max", "groupby", "batch", "slice");

    private Values values() {
        return filters.values();
    }

    Object apply(String name, Object value, CallArguments arguments) {
        return switch (name) {
            case "items" -> {
                arguments.bind(name);
                if (value instanceof Value.Undefined) yield Value.Generator.of(List.of());
                if (value instanceof Map<?, ?> map) yield Value.Generator.of(Methods.items(map));
                yield failing("items needs a mapping, not " + Values.type(value));
            }
            case "list" -> new ArrayList<>(values().list(value));
            case "first" -> {
                Iterator<Object> rest = values().iterator(value);
                yield rest.hasNext() ? rest.next() : new Value.Undefined("there is no first item, the sequence was empty");
            }
            case "last" -> {
                if (value instanceof Value.Generator) throw new Problem("a generator has no last item; use '| list' first");
                List<Object> items = values().list(value);
                yield items.isEmpty() ? new Value.Undefined("there is no last item, the sequence was empty") : items.getLast();
            }
            case "reverse" -> reversed(value);
            case "join" -> {
                Object[] bound = arguments.bind(name, "d", "", "attribute", null);
                List<Object> items = new ArrayList<>();
                for (Object item : values().list(value)) items.add(attribute(item, bound[1], null));
                yield filters.methods().texts().join(values().text(bound[0]), items, false);
            }
            case "map" -> mapped(value, arguments);
            case "select", "reject" -> selected(value, arguments, false, name.equals("select"));
            case "selectattr", "rejectattr" -> selected(value, arguments, true, name.equals("selectattr"));
            case "sort" -> {
                Object[] bound = arguments.bind(name, "reverse", false, "case_sensitive", false, "attribute", null);
                List<Object> paths = bound[2] instanceof String all ? List.of((Object[]) all.split(",", -1)) : Collections.singletonList(bound[2]);
                boolean exact = Values.truth(bound[1]);
                // Keys are lists, as in jinja2: of equal elements none is asked for its order.
                yield sorted(values().list(value), item -> {
                    List<Object> keys = new ArrayList<>(paths.size());
                    for (Object path : paths) keys.add(key(item, path, exact, null));
                    return keys;
                }, Values.truth(bound[0]));
            }
            case "dictsort" -> {
                Object[] bound = arguments.bind(name, "case_sensitive", false, "by", "key", "reverse", false);
                Object by = bound[1];
                if (!"key".equals(by) && !"value".equals(by)) throw new Problem("dictsort: by must be 'key' or 'value'");
                if (!(value instanceof Map<?, ?> map)) throw new Problem("dictsort needs a mapping, not %s", Values.type(value));
                yield sorted(Methods.items(map), item -> key(item, by.equals("key") ? 0L : 1L, Values.truth(bound[0]), null), Values.truth(bound[2]));
            }
            case "unique" -> {
                Object[] bound = arguments.bind(name, "case_sensitive", false, "attribute", null);
                Set<Object> seen = new HashSet<>();
                yield lazily(() -> values().iterator(value), item -> item,
                        item -> seen.add(Values.key(key(item, bound[1], Values.truth(bound[0]), null))));
            }
            case "min", "max" -> {
                Object[] bound = arguments.bind(name, "case_sensitive", false, "attribute", null);
                List<Object> items = sorted(values().list(value), item -> key(item, bound[1], Values.truth(bound[0]), null), name.equals("max"));
                yield items.isEmpty() ? new Value.Undefined("no aggregated item, the sequence was empty") : items.getFirst();
            }
            case "sum" -> sum(value, arguments);
            case "groupby" -> grouped(value, arguments);
            case "batch" -> {
                Object[] bound = arguments.bind(name, "linecount", REQUIRED, "fill_with", null);
                yield lazily(() -> batches(values().list(value), Values.integer(bound[0], "linecount"), bound[1]).iterator(), item -> item, _ -> true);
            }
            case "slice" -> {
                Object[] bound = arguments.bind(name, "slices", REQUIRED, "fill_with", null);
                yield lazily(() -> slices(values().list(value), Values.integer(bound[0], "slices"), bound[1]).iterator(), item -> item, _ -> true);
            }
            default -> throw new Problem("unknown filter '%s'", name);
        };
    }

    /// A generator that fails when it is first asked.
    private static Value.Generator failing(String why) {
        return lazily(() -> {
            throw new Problem("%s", why);
        }, item -> item, _ -> true);
    }

    /// Elements of `source` that are kept, changed; nothing happens before the first is asked for.
    private static Value.Generator lazily(java.util.function.Supplier<Iterator<Object>> source, UnaryOperator<Object> change, Predicate<Object> keep) {
        return new Value.Generator(new Iterator<>() {
            private Iterator<Object> rest;
            private Object next;
            private boolean ready;

            @Override
            public boolean hasNext() {
                if (rest == null) rest = source.get();
                while (!ready && rest.hasNext()) {
                    Object item = rest.next();
                    ready = keep.test(item);
                    if (ready) next = change.apply(item);
                }
                return ready;
            }

            @Override
            public Object next() {
                if (!hasNext()) throw new java.util.NoSuchElementException();
                ready = false;
                return next;
            }
        });
    }

    private Object reversed(Object value) {
        if (Values.isText(value)) {
            String turned = new StringBuilder(Values.characters(value)).reverse().toString();
            return value instanceof Value.Markup ? new Value.Markup(turned) : turned;
        }
        if (value instanceof Value.Generator) return new ArrayList<>(values().list(value).reversed());
        return Value.Generator.of(values().list(value).reversed());
    }

    /// A value by a dotted path; null is the value itself. Undefined ones on the way become `fallback`, when given.
    private static Object attribute(Object value, Object path, Object fallback) {
        if (path == null) return value;
        Object result = value;
        if (!Values.isText(path)) {
            if (!Values.isInteger(path)) throw new Problem("attribute must be a string or an integer");
            result = Access.item(value, path);
            return fallback != null && result instanceof Value.Undefined ? fallback : result;
        }
        for (String part : Values.characters(path).split("\\.", -1)) {
            boolean digits = !part.isEmpty() && part.length() < 10 && part.chars().allMatch(c -> c >= '0' && c <= '9');
            result = Access.item(result, digits ? (Object) Long.valueOf(part) : part);
            if (fallback != null && result instanceof Value.Undefined) result = fallback;
        }
        return result;
    }

    private static Object key(Object item, Object path, boolean caseSensitive, Object fallback) {
        Object value = attribute(item, path, fallback);
        return Values.isText(value) && !caseSensitive ? TextMethods.lower(Values.characters(value)) : value;
    }

    private Object mapped(Object value, CallArguments arguments) {
        return lazily(() -> {
            if (!Values.truth(value)) return Collections.emptyIterator();
            UnaryOperator<Object> change = change(arguments);
            Iterator<Object> rest = values().iterator(value);
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return rest.hasNext();
                }

                @Override
                public Object next() {
                    values().budget().step();
                    return change.apply(rest.next());
                }
            };
        }, item -> item, _ -> true);
    }

    private UnaryOperator<Object> change(CallArguments arguments) {
        if (arguments.positional().isEmpty()) {
            Object[] bound = arguments.bind("map", "attribute", REQUIRED, "default", null);
            return item -> attribute(item, bound[0], bound[1]);
        }
        Object filter = arguments.positional().getFirst();
        CallArguments rest = new CallArguments(arguments.positional().subList(1, arguments.positional().size()), arguments.named());
        return item -> {
            if (!(filter instanceof String name) || !Filters.NAMES.contains(name)) throw new Problem("unknown filter '%s'", filter);
            return filters.apply(name, item, rest);
        };
    }

    private Object selected(Object value, CallArguments arguments, boolean byAttribute, boolean keep) {
        List<Object> given = arguments.positional();
        int off = byAttribute ? 1 : 0;
        return lazily(() -> {
            if (!Values.truth(value)) return Collections.emptyIterator();
            if (byAttribute && given.isEmpty()) throw new Problem("an attribute name is missing");
            return values().iterator(value);
        }, item -> item, item -> {
            values().budget().step();
            Object tested = byAttribute ? attribute(item, given.getFirst(), null) : item;
            if (given.size() <= off) return Values.truth(tested) == keep;
            if (!(given.get(off) instanceof String test) || !Tests.NAMES.contains(test)) throw new Problem("unknown test '%s'", given.get(off));
            if (!arguments.named().isEmpty()) throw new Problem("the test '%s' takes no named arguments", test);
            return filters.tests().test(test, tested, given.subList(off + 1, given.size())) == keep;
        });
    }

    private List<Object> sorted(List<Object> items, UnaryOperator<Object> key, boolean reverse) {
        values().budget().elements(items.size() * 16L);
        List<Object[]> pairs = new ArrayList<>(items.size());
        for (Object item : items) pairs.add(new Object[] {key.apply(item), item});
        Comparator<Object[]> order = (a, b) -> values().compare(a[0], b[0]);
        pairs.sort(reverse ? Collections.reverseOrder(order) : order);
        List<Object> result = new ArrayList<>(items.size());
        for (Object[] pair : pairs) result.add(pair[1]);
        return result;
    }

    private Object sum(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("sum", "attribute", null, "start", 0L);
        if (Values.isText(bound[1])) throw new Problem("sum cannot add texts");
        Object sum = bound[1];
        Arithmetic arithmetic = new Arithmetic(values());
        for (Object item : values().list(value)) sum = arithmetic.apply("+", sum, attribute(item, bound[0], null));
        return sum;
    }

    private Object grouped(Object value, CallArguments arguments) {
        Object[] bound = arguments.bind("groupby", "attribute", REQUIRED, "default", null, "case_sensitive", false);
        boolean exact = Values.truth(bound[2]);
        UnaryOperator<Object> key = item -> key(item, bound[0], exact, bound[1]);
        List<Object> groups = new ArrayList<>();
        List<Object> open = null;
        Object last = null;
        for (Object item : sorted(values().list(value), key, false)) {
            Object now = key.apply(item);
            if (open == null || !values().equal(last, now)) {
                open = new ArrayList<>();
                groups.add(new Value.Tuple(java.util.Arrays.asList(exact ? now : attribute(item, bound[0], bound[1]), open), true));
            }
            open.add(item);
            last = now;
        }
        return groups;
    }

    private List<Object> batches(List<Object> items, long size, Object fill) {
        List<Object> batches = new ArrayList<>();
        List<Object> open = new ArrayList<>();
        for (Object item : items) {
            if (open.size() == size) {
                batches.add(open);
                open = new ArrayList<>();
            }
            open.add(item);
        }
        if (open.isEmpty()) return batches;
        if (fill != null && open.size() < size) {
            values().budget().elements(size);
            while (open.size() < size) open.add(fill);
        }
        batches.add(open);
        return batches;
    }

    private List<Object> slices(List<Object> items, long count, Object fill) {
        if (count == 0) throw new Problem("division by zero");
        values().budget().elements(Math.max(0, count));
        List<Object> slices = new ArrayList<>();
        int begin = 0;
        for (long i = 0; i < count; i++) {
            boolean longer = i < items.size() % count;
            int end = begin + (int) (items.size() / count) + (longer ? 1 : 0);
            List<Object> slice = new ArrayList<>(items.subList(begin, end));
            if (fill != null && !longer) slice.add(fill);
            slices.add(slice);
            begin = end;
        }
        return slices;
    }
}
