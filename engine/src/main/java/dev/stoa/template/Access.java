// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Elements and attributes of values, in the order in which jinja2's sandbox looks for them. What a sandbox forbids is
/// undefined here too: names that begin with an underscore, and methods that change their target.
record Access(Values values) {
    private static boolean isSequence(Object target) {
        return Values.isText(target) || target instanceof List<?> || target instanceof Value.Tuple || target instanceof Value.Range;
    }

    /// `target[index]`; missing ones are undefined.
    static Object item(Object target, Object index) {
        if (target instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        if (target instanceof Map<?, ?> map && !(index instanceof List<?> || index instanceof Map<?, ?>) && Values.has(map, index)) {
            return Values.get(map, index);
        }
        if (isSequence(target) && Values.isInteger(index)) {
            long size = Values.length(target);
            long at = Values.integer(index, "an index") < 0 ? Values.integer(index, "") + size : Values.integer(index, "");
            if (at >= 0 && at < size) {
                return switch (target) {
                    case String text -> Character.toString(text.codePointAt(text.offsetByCodePoints(0, (int) at)));
                    case Value.Markup text -> new Value.Markup(Character.toString(
                            text.text().codePointAt(text.text().offsetByCodePoints(0, (int) at))));
                    case Value.Tuple tuple -> tuple.items().get((int) at);
                    case Value.Range range -> range.items().get((int) at);
                    default -> ((List<?>) target).get((int) at);
                };
            }
        }
        return Values.isText(index) ? attribute(target, Values.characters(index)) : missing(target, index);
    }

    /// `target.name`: a method, a field of a namespace or of a loop, or a value of a dict.
    static Object attribute(Object target, String name) {
        if (target instanceof Value.Undefined && name.startsWith("__")) return missing(target, name);
        if (target instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        if (Methods.has(target, name)) return new Value.Method(target, name);
        return switch (target) {
            case Value.Loop loop -> loop.get(name);
            case Value.Namespace space when space.fields().containsKey(name) -> space.fields().get(name);
            case Value.Tuple tuple when tuple.group() && name.equals("grouper") -> tuple.items().get(0);
            case Value.Tuple tuple when tuple.group() && name.equals("list") -> tuple.items().get(1);
            case Value.Cycler cycler when name.equals("current") -> cycler.current();
            case Value.MacroValue macro when name.equals("name") -> macro.macro().name();
            case Value.MacroValue macro when name.equals("arguments") -> new ArrayList<Object>(macro.macro().parameters());
            case Map<?, ?> map when map.containsKey(name) -> map.get(name);
            case null, default -> missing(target, name);
        };
    }

    private static Value.Undefined missing(Object target, Object name) {
        return new Value.Undefined("'%s' has no attribute '%s'".formatted(Values.type(target), name));
    }

    /// `target[begin:end:step]` of a text or sequence; null bounds are open.
    Object slice(Object target, Object begin, Object end, Object step) {
        if (target instanceof Value.Undefined undefined) throw new Problem("%s", undefined.hint());
        if (!isSequence(target)) throw new Problem("%s cannot be sliced", Values.type(target));
        List<Object> items = values.list(target);
        long stride = step == null ? 1 : Values.integer(step, "a slice step");
        if (stride == 0) throw new Problem("a slice step cannot be zero");
        long size = items.size();
        long low = stride > 0 ? 0 : -1;
        long high = stride > 0 ? size : size - 1;
        long from = bound(begin, stride > 0 ? low : high, size, low, high);
        long to = bound(end, stride > 0 ? high : low, size, low, high);
        List<Object> picked = new ArrayList<>();
        for (long i = from; stride > 0 ? i < to : i > to; i += stride) picked.add(items.get((int) i));
        return switch (target) {
            case String _ -> String.join("", picked.stream().map(String.class::cast).toList());
            case Value.Markup _ -> new Value.Markup(String.join("", picked.stream().map(Values::characters).toList()));
            case Value.Tuple _ -> new Value.Tuple(picked);
            case Value.Range range -> range.slice(picked, from, to, stride);
            default -> picked;
        };
    }

    private static long bound(Object value, long open, long size, long low, long high) {
        if (value == null) return open;
        long index = Values.integer(value, "a slice bound");
        return Math.clamp(index < 0 ? index + size : index, low, high);
    }
}
